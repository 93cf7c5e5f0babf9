package pgstandin

import (
	"bytes"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// FuzzSession checks that a session ends with its messages, whatever a client
// sends.
func FuzzSession(f *testing.F) {
	for _, messages := range [][]pgproto3.FrontendMessage{
		{&pgproto3.Query{String: "SELECT 'a'"}, &pgproto3.Terminate{}},
		{
			&pgproto3.Parse{Name: "s", Query: "SELECT $1", ParameterOIDs: []uint32{pgtype.TextOID}},
			&pgproto3.Describe{ObjectType: 'S', Name: "s"},
			&pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{[]byte("a")}, ResultFormatCodes: []int16{1}},
			&pgproto3.Describe{ObjectType: 'P'},
			&pgproto3.Execute{MaxRows: 1},
			&pgproto3.Close{ObjectType: 'S', Name: "s"},
			&pgproto3.Sync{},
		},
		{&pgproto3.Parse{Query: "BEGIN"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Flush{}, &pgproto3.FunctionCall{}},
	} {
		var seed []byte
		for _, m := range messages {
			var err error
			if seed, err = m.Encode(seed); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(seed)
	}
	known, err := newCatalog([]Statement{{
		SQL: "SELECT $1", Parameters: []uint32{pgtype.TextOID}, Columns: []Column{{"text", pgtype.TextOID}},
		Answer: func(args []any) (Result, error) { return Result{Rows: [][]any{args, args}}, nil },
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		backend := pgproto3.NewBackend(bytes.NewReader(sent), io.Discard)
		backend.SetMaxBodyLen(maxMessage)
		newSession(backend, known, 0).run(t.Context())
	})
}
