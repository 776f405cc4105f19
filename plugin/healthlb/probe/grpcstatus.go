package probe

import (
	"fmt"
	"net/url"
	"strconv"

	"example.org/healthlb/plugin/healthlb/health"
)

// grpcCode is a status of gRPC. Those with a meaning of their own here:
type grpcCode uint32

const (
	grpcOK            grpcCode = 0
	grpcNotFound      grpcCode = 5
	grpcUnimplemented grpcCode = 12
)

// grpcCodes are the names of the codes 0 and up (grpc/grpc, doc/statuscodes.md).
var grpcCodes = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

func (c grpcCode) String() string {
	if int64(c) < int64(len(grpcCodes)) {
		return grpcCodes[c]
	}
	return "grpc-status " + strconv.FormatUint(uint64(c), 10)
}

// grpcAnswer is what a member has answered.
type grpcAnswer struct {
	code    grpcCode
	message string // grpc-message, as it came
	serving serving
}

func (w grpcAnswer) String() string {
	if w.code == grpcOK {
		return w.code.String() + ", " + w.serving.String()
	}
	return w.code.String()
}

// result judges the answer to a question about service.
func (w grpcAnswer) result(service string) Result {
	switch w.code {
	case grpcOK:
	case grpcNotFound:
		return fail(fmt.Sprintf("service %q is unknown", service))
	case grpcUnimplemented:
		return fail("no health service (grpc.health.v1)" + w.said())
	default:
		return fail(w.code.String() + w.said())
	}
	switch w.serving {
	case servingYes:
		return Result{}
	case servingNot:
		return Result{Outcome: health.LameDuck, Reason: w.serving.String()}
	default:
		return fail(w.serving.String())
	}
}

// said quotes the member's message, which is percent-encoded. One that is encoded wrongly is quoted as it is, as gRPC asks for.
func (w grpcAnswer) said() string {
	if w.message == "" {
		return ""
	}
	if plain, err := url.PathUnescape(w.message); err == nil {
		return fmt.Sprintf(": %q", plain)
	}
	return fmt.Sprintf(": %q", w.message)
}
