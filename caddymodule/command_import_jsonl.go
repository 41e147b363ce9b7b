package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tokenreeve/tokenreeve/admin"
)

// readJSONL reads tokens that are one JSON object each. Its errors quote no value.
func readJSONL(in io.Reader) ([]admin.Foreign, error) {
	r := limited(in)
	var list []admin.Foreign
	for number := 1; ; number++ {
		line, err := r.ReadBytes('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			where := fmt.Sprintf("line %d", number)
			row, err := readObject(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			f, err := row.foreign(where)
			if err != nil {
				return nil, err
			}
			list = append(list, f)
		}
		if last {
			return list, nil
		}
	}
}

var errNoObject = errors.New("this is not a JSON object, or more than one")

// readObject reads one object and nothing behind it. Package json alone takes Type for
// type, and the last of two.
func readObject(line []byte) (*foreignRow, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoObject
	}
	row := new(foreignRow)
	places := row.fields()
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, errNoObject
		}
		name, _ := key.(string) // as keys are
		place, known := places[name]
		switch {
		case !known:
			return nil, fmt.Errorf("%s is none of %s", unknownField(name, len(seen)+1), foreignFields)
		case seen[name]:
			return nil, fmt.Errorf("field %s stands there twice", name)
		}
		seen[name] = true
		err = d.Decode(place)
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fmt.Errorf("%s is not %s", name, kindText(place))
		}
		if err != nil {
			return nil, errNoObject
		}
	}
	if _, err := d.Token(); err != nil { // what closes it
		return nil, errNoObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return row, nil
}

// fields are those of an object.
func (r *foreignRow) fields() map[string]any {
	fields := map[string]any{}
	for name, place := range r.places() {
		fields[name] = place
	}
	fields["grants"], fields["enabled"] = &r.Grants, &r.Enabled
	return fields
}

// unknownField names a field that nobody knows, by its number where it could be a secret.
func unknownField(name string, number int) string {
	if len(name) > 15 {
		return fmt.Sprintf("field %d", number)
	}
	return fmt.Sprintf("field %q", name)
}

func kindText(place any) string {
	switch place.(type) {
	case *[]string:
		return "a list of texts"
	case **bool:
		return "true or false"
	}
	return "a text"
}
