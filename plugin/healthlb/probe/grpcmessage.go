package probe

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message on a gRPC stream is a byte that says whether it is compressed, its length in four bytes, and the protocol buffer.
const grpcPrefix = 5

// maxGRPCMessage is the longest answer read, in bytes. The answer is one number; the rest is room for fields to come.
const maxGRPCMessage = 4 << 10

// grpcRequest returns a HealthCheckRequest (grpc.health.v1), with its prefix: field 1 is the service's name.
func grpcRequest(service string) []byte {
	m := make([]byte, grpcPrefix, grpcPrefix+8+len(service))
	if service != "" { // proto3 leaves out what is empty
		m = protowire.AppendTag(m, 1, protowire.BytesType)
		m = protowire.AppendString(m, service)
	}
	binary.BigEndian.PutUint32(m[1:], uint32(len(m)-grpcPrefix))
	return m
}

// serving is the status in a HealthCheckResponse (grpc.health.v1).
type serving int32

const (
	servingUnknown serving = iota
	servingYes
	servingNot
	servingNoService
)

func (s serving) String() string {
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("unknown serving status %d", int32(s))
}

// grpcWhole says whether the response's message has come, and what cannot become right any more.
func grpcWhole(m []byte) (bool, error) {
	if len(m) < grpcPrefix {
		return false, nil
	}
	has, wants := len(m)-grpcPrefix, binary.BigEndian.Uint32(m[1:])
	switch {
	case m[0] != 0:
		return false, grpcFault("the answer is compressed, which was not offered")
	case wants > maxGRPCMessage:
		return false, grpcFault(fmt.Sprintf("the answer has %d bytes, at most %d are read", wants, maxGRPCMessage))
	case has > int(wants):
		return false, grpcFault("more than one answer")
	}
	return has == int(wants), nil
}

// grpcServing reads a HealthCheckResponse: field 1 is the status. Fields that are unknown, or of another type, are passed over.
func grpcServing(m []byte) (serving, error) {
	if whole, err := grpcWhole(m); !whole {
		if err == nil {
			err = grpcFault(fmt.Sprintf("the answer is cut short after %d bytes", len(m)))
		}
		return 0, err
	}
	var status serving
	for m = m[grpcPrefix:]; len(m) > 0; {
		field, kind, n := protowire.ConsumeTag(m)
		if n < 0 || !field.IsValid() {
			return 0, errNoHealth
		}
		m = m[n:]
		if field == 1 && kind == protowire.VarintType {
			var v uint64
			v, n = protowire.ConsumeVarint(m)
			status = serving(v)
		} else {
			n = protowire.ConsumeFieldValue(field, kind, m)
		}
		if n < 0 {
			return 0, errNoHealth
		}
		m = m[n:]
	}
	return status, nil
}

const errNoHealth = grpcFault("the answer is no HealthCheckResponse")
