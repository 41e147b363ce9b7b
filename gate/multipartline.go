package gate

import "strings"

// lineScanner is for multipart bodies that are no forms, some of which servers
// take for forms. It goes by lines and knows no boundary: any line that reads
// like the header of a part, with the name of a method field in it, counts.
type lineScanner struct {
	line []byte // with what continues it
	ends bool   // a line break was the last that came
}

func (s *lineScanner) scan(piece []byte) error {
	for _, c := range piece {
		if c < ' ' && c != '\t' || c == 0x7f {
			s.ends = true
			continue
		}
		if s.ends && c != ' ' && c != '\t' { // no continuation of the line before, which is looked at once
			if s.describes() {
				return errFormField
			}
			s.line = s.line[:0]
		}
		s.ends = false
		if s.line = append(s.line, c); len(s.line) == maxPartLine {
			if s.describes() {
				return errFormField
			}
			s.cut()
		}
	}
	return nil
}

func (s *lineScanner) end() error {
	if s.describes() {
		return errFormField
	}
	return nil
}

// cut shortens an endless line to what it begins with and what it ends with.
func (s *lineScanner) cut() {
	const kept = maxFormName
	s.line = append(s.line[:kept], s.line[len(s.line)-kept:]...)
}

// describes reports whether the line is the header of a part that could be
// called like a method field: by that name anywhere in it, with escapes or not,
// or by one in a notation that hides it. A line that some servers take for the
// rest of such a header counts if it says no more than the name, or name=.
func (s *lineScanner) describes() bool {
	line := string(s.line)
	begins := strings.TrimLeftFunc(line, func(c rune) bool { return c|0x20 < 'a' || c|0x20 > 'z' })
	header := beginsFold(begins, "content-") || beginsFold(begins, "x-content-")
	if !header && len(line) > maxFormName && !strings.Contains(strings.ToLower(line), "name") {
		return false // what most lines are
	}
	text := plainLine(line)
	for _, name := range methodParameters {
		name = strings.ToLower(name)
		if header && strings.Contains(text, name) || strings.Contains(text, "name="+name) || strings.Trim(text, "<>;") == name {
			return true
		}
	}
	return strings.Contains(text, ";name*") || strings.Contains(text, ";name==?")
}

// plainLine takes escapes, quotes and blanks out of a line, and folds it.
func plainLine(line string) string {
	var plain strings.Builder
	for i := 0; i < len(line); {
		var c byte
		if c, i = decodeName(line, i); strings.IndexByte("\"'\\\t", c) < 0 && c != ' ' {
			plain.WriteByte(foldByte(c))
		}
	}
	return plain.String()
}
