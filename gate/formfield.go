package gate

// fieldScanner is for application/x-www-form-urlencoded.
type fieldScanner struct {
	method string
	text   []byte // of the name or, for a method field, the value that is being read
	state  fieldState
}

type fieldState int

const (
	inName       fieldState = iota
	inMethodName            // behind what makes it a method field, like the rest of an array's name
	inMethodValue
	inValue
)

// maxFormName is how much of a name, as sent, decides about it: the longest name
// of a method field with every character as %uXXXX, one before and one behind it.
const maxFormName = 160

func (s *fieldScanner) scan(piece []byte) error {
	for _, c := range piece {
		if !s.take(c) {
			return errFormField
		}
	}
	return nil
}

// take takes the next byte. It returns false when a field names another method.
func (s *fieldScanner) take(c byte) bool {
	ends := c == '&'
	if s.state != inMethodValue { // there, what only some split at is part of what must be the method
		ends = ends || c == ';' || c == '\r' || c == '\n'
	}
	switch {
	case ends:
		fits := s.fits()
		s.text, s.state = s.text[:0], inName
		return fits
	case s.state == inValue:
	case s.state == inMethodValue:
		s.text = append(s.text, c)
		return len(s.text) < maxFormValue
	case c == '=':
		s.endName()
	case s.state == inName:
		s.text = append(s.text, c)
		s.dropLead()
		if len(s.text) == maxFormName && methodField(string(s.text)) {
			s.state = inMethodName
		} else if len(s.text) == maxFormName {
			s.state = inValue // as little to look at
		}
	}
	return true
}

func (s *fieldScanner) endName() {
	switch {
	case s.state == inMethodName || methodField(string(s.text)):
		s.state = inMethodValue
	default:
		s.state = inValue
	}
	s.text = s.text[:0]
}

// dropLead keeps one of the characters that foldsTo skips in front of a name, of
// which there can be any number.
func (s *fieldScanner) dropLead() {
	if !mayLead(s.text[0]) {
		return
	}
	text := string(s.text)
	second, ok := lead(text, 0)
	if second == len(text) || !ok {
		return
	}
	if end, ok := lead(text, second); ok && end == len(text) {
		s.text = append(s.text[:0], text[second:]...)
	}
}

// fits reports whether the field that ends here names no other method.
func (s *fieldScanner) fits() bool {
	switch s.state {
	case inMethodValue:
		return s.valueFits()
	case inName, inMethodName: // without a value
		return s.method != noMethod || s.state == inName && !methodField(string(s.text))
	case inValue:
	}
	return true
}

func (s *fieldScanner) valueFits() bool {
	var decoded []byte
	for i, text := 0, string(s.text); i < len(text); {
		var c byte
		c, i = decodeName(text, i)
		decoded = append(decoded, c)
	}
	return !namesOther(string(decoded), s.method)
}

func (s *fieldScanner) end() error {
	if !s.fits() {
		return errFormField
	}
	return nil
}
