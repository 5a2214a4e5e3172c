package cli

import (
	"errors"

	"github.com/levadahq/levada/internal/fault"
)

// taggingError gives the headline of tags to a fault about them.
func taggingError(err error) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Kind == fault.Invalid {
		return &failure{headline: "Tagging error", kind: fault.Invalid, text: e.Message, hint: e.Hint, cause: err}
	}
	return err
}
