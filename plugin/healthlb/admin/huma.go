package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// What follows are huma's own variables, one each for the whole process, and this is the only place that sets them. Nothing else in a
// CoreDNS with healthlb uses huma.
func init() {
	// What huma finds wrong with a body becomes a problem document like all others.
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError {
		return problemOfBody(status, text, errs)
	}
	// Our lists may be empty, and are never null.
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true

	// The errors of validation in our words; what is not here no schema of ours can cause.
	validation.MsgExpectedString = "want a string"
	validation.MsgExpectedBoolean = "want true or false"
	validation.MsgExpectedNumber = "want a number"
	validation.MsgExpectedInteger = "want a whole number"
	validation.MsgExpectedArray = "want an array"
	validation.MsgExpectedObject = "want an object"
	validation.MsgExpectedOneOf = "want one of %s"
	validation.MsgExpectedMinimumNumber = "want at least %v"
	validation.MsgExpectedMaximumNumber = "want at most %v"
	validation.MsgExpectedMinLength = "want at least %d characters"
	validation.MsgExpectedMaxLength = "want at most %d characters"
	validation.MsgExpectedMinItems = "want at least %d"
	validation.MsgExpectedMaxItems = "want at most %d"
	validation.MsgExpectedRequiredProperty = "%s is missing"
	validation.MsgUnexpectedProperty = "unknown field"
}

// maxTold is how many of the errors of one body are told. There may be one for each byte of it.
const maxTold = 5

// problemOfBody makes one problem of what huma found. It says 422 where a body is understood and not right; 422 is ours for members that
// fail their probe.
func problemOfBody(status int, text string, errs []error) *Problem {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	var told []string
	for _, err := range errs {
		if len(told) == maxTold {
			told = append(told, "and more")
			break
		}
		if d, ok := err.(huma.ErrorDetailer); ok {
			detail := d.ErrorDetail()
			told = append(told, detail.Location+": "+detail.Message)
		} else {
			told = append(told, err.Error())
		}
	}
	if len(told) > 0 {
		text = strings.Join(told, "; ")
	}
	return NewProblem(status, "%s", text)
}

// GetStatus and ContentType make a problem an error of huma's.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type of a problem, whatever the caller would like better.
func (p *Problem) ContentType(string) string { return mediaProblem }

// formats are those of answers and bodies. The second is found by its name only when a problem is written.
var formats = map[string]huma.Format{
	mediaJSON:    {Marshal: marshalLine, Unmarshal: unmarshal},
	mediaProblem: {Marshal: marshalLine, Unmarshal: unmarshal},
}

// marshalLine writes a value in JSON, on one line.
func marshalLine(w io.Writer, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = w.Write(append(body, '\n'))
	return err
}
