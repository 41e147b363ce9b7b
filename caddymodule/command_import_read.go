package caddymodule

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// maxImport is how many bytes a file of tokens may have.
const maxImport = 64 << 20

// foreignRow is a token in a file.
type foreignRow struct {
	Name, Description, Type string
	Grants                  []string
	Duration, Expiry        string
	Enabled                 *bool
	Owner                   string

	Secret, SHA256, HMACSHA512 string
}

// foreignFields are the names of all fields, for errors.
const foreignFields = "name, description, type, grants, duration, expiry, enabled, owner, secret, sha256 and hmac-sha512"

// places are the columns of a CSV file.
func (r *foreignRow) places() map[string]*string {
	return map[string]*string{
		"name": &r.Name, "description": &r.Description, "type": &r.Type, "duration": &r.Duration, "expiry": &r.Expiry,
		"owner": &r.Owner, "secret": &r.Secret, "sha256": &r.SHA256, "hmac-sha512": &r.HMACSHA512,
		"grants": new(string), "enabled": new(string),
	}
}

// foreign returns the token that the row asks for.
func (r *foreignRow) foreign(where string) (admin.Foreign, error) {
	f := admin.Foreign{
		NewToken: admin.NewToken{
			Name: r.Name, Description: r.Description, Type: typeOr(r.Type, r.Grants), Grants: r.Grants, Owner: r.Owner,
			Duration: "unlimited",
		},
		Where: where, Secret: r.Secret, Disabled: r.Enabled != nil && !*r.Enabled,
	}
	switch {
	case r.Duration != "" && r.Expiry != "":
		return f, fmt.Errorf("%s: give it a duration or an expiry", where)
	case r.Duration != "":
		f.Duration = r.Duration
	case r.Expiry != "":
		expiry, err := token.ParseExpiry(r.Expiry, time.Now())
		if err != nil {
			return f, fmt.Errorf("%s: expiry is not a date such as 2027-01-31, a time such as 2027-01-31T12:30:00Z or unlimited, or it is more than 100 years away", where)
		}
		f.Expiry = expiry
	}
	given := 0
	for scheme, text := range map[token.Scheme]string{"": r.Secret, token.SHA256: r.SHA256, token.HMACSHA512: r.HMACSHA512} {
		if text == "" {
			continue
		}
		if given++; scheme != "" {
			f.Hash, f.Scheme = text, scheme
		}
	}
	if given != 1 {
		return f, fmt.Errorf("%s: give it one of secret, sha256 and hmac-sha512", where)
	}
	return f, nil
}

// readCSV reads tokens as RFC 4180 has tables. Its errors quote no cell.
func readCSV(in io.Reader) ([]admin.Foreign, error) {
	r := csv.NewReader(limited(in))
	columns, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("there is no line that names the columns")
	}
	if err != nil {
		return nil, err
	}
	if err := checkColumns(columns); err != nil {
		return nil, err
	}
	var list []admin.Foreign
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		var row foreignRow
		places := row.places()
		for i, cell := range cells {
			*places[columns[i]] = cell
		}
		for grant := range strings.SplitSeq(*places["grants"], ";") {
			if grant = strings.TrimSpace(grant); grant != "" {
				row.Grants = append(row.Grants, grant)
			}
		}
		line, _ := r.FieldPos(0)
		where := fmt.Sprintf("line %d", line)
		if text := *places["enabled"]; text != "" {
			enabled, err := strconv.ParseBool(text)
			if err != nil {
				return nil, fmt.Errorf("%s: enabled is neither true nor false", where)
			}
			row.Enabled = &enabled
		}
		f, err := row.foreign(where)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
}

func checkColumns(columns []string) error {
	places := new(foreignRow).places()
	if len(columns) == 1 {
		for separator, name := range map[string]string{";": "semicolons", "\t": "tabs", "|": "bars"} {
			if strings.Contains(columns[0], separator) {
				return fmt.Errorf("line 1: the columns are separated by %s; separate them by commas", name)
			}
		}
	}
	for i, name := range columns {
		if places[name] == nil {
			return fmt.Errorf("line 1: column %d is none of %s", i+1, foreignFields)
		}
		if slices.Contains(columns[:i], name) {
			return fmt.Errorf("line 1: column %s stands there twice", name)
		}
	}
	return nil
}

// limited reads what r has, without the mark that spreadsheets put before it, and
// fails on what is beyond the limit.
func limited(r io.Reader) *bufio.Reader {
	const mark = "\ufeff"
	b := bufio.NewReader(&limitedReader{r, maxImport})
	if begin, _ := b.Peek(len(mark)); string(begin) == mark {
		_, _ = b.Discard(len(mark)) // which was seen
	}
	return b
}

type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("the file is larger than %d MiB", maxImport>>20)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
