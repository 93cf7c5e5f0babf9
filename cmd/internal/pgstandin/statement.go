package pgstandin

import (
	"errors"
	"fmt"
	"time"
)

// A Statement is SQL that the stand-in knows, and its answer.
//
// It matches a client's statement with the same tokens: white space, comments and
// the case of words do not matter, and a literal matches a parameter, which is
// how clients send arguments over the simple protocol.
type Statement struct {
	SQL string
	// Parameters are the types of $1, $2 …, as OIDs: [Text] and such.
	Parameters []uint32
	// Columns describes the rows; a statement without columns returns no rows.
	Columns []Column
	// Answer computes the rows from the arguments, which have the Go types of
	// Parameters, or are nil for NULL. Its error is sent to the client. Answer is
	// called concurrently.
	Answer func(args []any) (Result, error)
}

// A Column names a column and its type's OID.
type Column struct {
	Name string
	Type uint32
}

// A Result is what one execution returns.
type Result struct {
	Rows [][]any       // values of the columns' types, nil for NULL
	Took time.Duration // delay in addition to the server's latency
	Tag  string        // the command tag; "" is "SELECT n"
}

// builtin lists statements that client libraries send by themselves.
var builtin = []Statement{
	command("begin", "BEGIN"),
	command("commit", "COMMIT"),
	command("rollback", "ROLLBACK"),
	command("discard all", "DISCARD ALL"),
	constant("select 1", "?column?", Int4, int32(1)),
	constant("select version()", "version", Text, "PostgreSQL "+Version),
	constant("show server_version", "server_version", Text, Version),
}

func command(sql, tag string) Statement {
	return Statement{SQL: sql, Answer: func([]any) (Result, error) { return Result{Tag: tag}, nil }}
}

func constant(sql, column string, oid uint32, value any) Statement {
	return Statement{
		SQL:     sql,
		Columns: []Column{{column, oid}},
		Answer:  func([]any) (Result, error) { return Result{Rows: [][]any{{value}}}, nil },
	}
}

// A catalog finds the Statement for a client's SQL. It is read-only and shared by
// all sessions.
type catalog struct {
	statements []Statement
	tokens     [][]token
}

func newCatalog(statements []Statement) (*catalog, error) {
	c := &catalog{}
	for _, list := range [][]Statement{statements, builtin} {
		for _, s := range list {
			tokens, err := scan(s.SQL)
			if err != nil {
				return nil, fmt.Errorf("the stand-in's statement %q: %w", s.SQL, err)
			}
			c.statements = append(c.statements, s)
			c.tokens = append(c.tokens, tokens)
		}
	}
	return c, nil
}

// A prepared statement is a known Statement with the literals that the client
// wrote in place of parameters. It has no Statement if the client's was empty.
type prepared struct {
	*Statement
	literals map[int]string // by parameter, from 0
	types    []uint32       // of the parameters left to bind
}

// prepare finds the Statement for a client's SQL. types holds the client's
// parameter types; 0 leaves the choice to the server.
func (c *catalog) prepare(sql string, types []uint32) (*prepared, error) {
	tokens, err := scan(sql)
	if err != nil {
		return nil, &failure{"42601", err.Error()}
	}
	if len(tokens) == 0 {
		return &prepared{}, nil
	}
	if tokens[0] == (token{'w', "begin"}) {
		tokens = tokens[:1] // ignore the isolation level: no statement writes
	}
	for i, known := range c.tokens {
		literals, ok := match(known, tokens)
		if !ok {
			continue
		}
		p := &prepared{Statement: &c.statements[i], literals: literals}
		return p, p.bindTypes(types)
	}
	return nil, &failure{"0A000", fmt.Sprintf("this is a stand-in, not PostgreSQL: it does not know the statement %.200q", sql)}
}

func (p *prepared) bindTypes(types []uint32) error {
	if len(p.literals) > 0 {
		if len(p.literals) < len(p.Parameters) {
			return &failure{"0A000", "the stand-in takes all parameters as literals or none"}
		}
		return nil
	}
	for i, t := range types {
		if i < len(p.Parameters) && t != 0 && t != unknownType && t != p.Parameters[i] {
			return &failure{"42804", fmt.Sprintf("parameter $%d has the type %d where the stand-in knows %d", i+1, t, p.Parameters[i])}
		}
	}
	p.types = p.Parameters
	return nil
}

// arguments decodes the values that the client binds.
func (p *prepared) arguments(formats []int16, values [][]byte) ([]any, error) {
	if len(values) != len(p.types) {
		return nil, &failure{"08P01", fmt.Sprintf("%d arguments for %d parameters", len(values), len(p.types))}
	}
	if p.Statement == nil {
		return nil, nil
	}
	args := make([]any, len(p.Parameters))
	for i, oid := range p.Parameters {
		format, value := int16(textFormat), []byte(nil)
		if literal, ok := p.literals[i]; ok {
			value = []byte(literal)
		} else {
			format, value = formatOf(formats, i), values[i]
		}
		var err error
		if args[i], err = decode(oid, format, value); err != nil {
			f := &failure{"22P02", fmt.Sprintf("argument $%d: %v", i+1, err)}
			errors.As(err, &f)
			return nil, f
		}
	}
	return args, nil
}

// formatOf returns the format of a value from the protocol's list of format
// codes: an empty list means text, a single code applies to all values, otherwise
// each value has a code.
func formatOf(formats []int16, i int) int16 {
	switch {
	case len(formats) == 0:
		return textFormat
	case len(formats) == 1:
		return formats[0]
	case i < len(formats):
		return formats[i]
	}
	return textFormat
}

// A failure is an error for the client, with its SQLSTATE.
type failure struct{ code, message string }

func (f *failure) Error() string { return f.message }
