//go:build whole

package db

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"timesink/cmd/internal/services/scenario"
)

// Peers lists the servers that no Debian package provides.
var Peers = []scenario.Peer{{Name: "mongodb", Serve: serveMongo}}

// mongoBatches is the number of further batches of a cursor.
const mongoBatches = 2

// serveMongo serves the part of MongoDB's protocol that its driver needs to find
// and to insert: one command per message, and one document as the answer.
func serveMongo(ctx context.Context, _ scenario.Env, ready func(string)) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	ready("mongodb://" + l.Addr().String())
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil // the listener was closed
		}
		go func() {
			defer conn.Close()
			for in := bufio.NewReader(conn); ; {
				if err := answerMongo(in, conn); err != nil {
					return
				}
			}
		}()
	}
}

// A message is a header of four numbers (its length, its own number, the number
// of the message that it answers, and its kind), flags, and sections. The first
// section is a byte 0 and a document with the command.
const (
	mongoHeader  = 16
	mongoMessage = 2013 // OP_MSG
)

func answerMongo(in io.Reader, out io.Writer) error {
	var header [mongoHeader]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return err
	}
	if kind := binary.LittleEndian.Uint32(header[12:]); kind != mongoMessage {
		return fmt.Errorf("a message of kind %d", kind)
	}
	body := make([]byte, binary.LittleEndian.Uint32(header[:])-mongoHeader)
	if _, err := io.ReadFull(in, body); err != nil {
		return err
	}
	command := bson.Raw(body[5:])
	name, err := command.IndexErr(0)
	if err != nil {
		return err
	}
	document, err := bson.Marshal(mongoAnswer(name.Key(), command))
	if err != nil {
		return err
	}
	answer := binary.LittleEndian.AppendUint32(nil, uint32(mongoHeader+5+len(document)))
	answer = append(answer, 0, 0, 0, 0)
	answer = append(answer, header[4:8]...)
	answer = binary.LittleEndian.AppendUint32(answer, mongoMessage)
	answer = append(answer, 0, 0, 0, 0, 0) // no flags, a section of kind 0
	_, err = out.Write(append(answer, document...))
	return err
}

// mongoAnswer takes some milliseconds for commands on data.
func mongoAnswer(command string, arguments bson.Raw) bson.D {
	ok := bson.E{Key: "ok", Value: 1}
	batch := []bson.D{{{Key: "name", Value: "one"}}}
	switch command {
	case "hello":
		return bson.D{ok, {Key: "isWritablePrimary", Value: true}, {Key: "maxWireVersion", Value: 21},
			{Key: "maxBsonObjectSize", Value: 1 << 24}, {Key: "maxMessageSizeBytes", Value: 48_000_000}, {Key: "maxWriteBatchSize", Value: 100_000}}
	case "find":
		time.Sleep(8 * time.Millisecond)
		return bson.D{ok, {Key: "cursor", Value: bson.D{{Key: "id", Value: int64(mongoBatches)}, {Key: "ns", Value: "shop.items"}, {Key: "firstBatch", Value: batch}}}}
	case "getMore":
		time.Sleep(4 * time.Millisecond)
		left := arguments.Lookup("getMore").Int64() - 1 // the cursor's number counts its batches
		return bson.D{ok, {Key: "cursor", Value: bson.D{{Key: "id", Value: left}, {Key: "ns", Value: "shop.items"}, {Key: "nextBatch", Value: batch}}}}
	case "insert":
		time.Sleep(8 * time.Millisecond)
		return bson.D{ok, {Key: "n", Value: 1}}
	}
	return bson.D{ok}
}
