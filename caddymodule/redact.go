package caddymodule

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"

	"github.com/tokenreeve/tokenreeve/gate"
)

// redactor knows the names of the sources of every gate that this process has
// had. None is ever forgotten: while a configuration is replaced, requests to the
// old one are still logged, and a few names too many cost nothing.
var redactor atomic.Pointer[gate.Redactor]

// redactSources makes all logs hide what stands in these sources.
func redactSources(s *gate.Sources) {
	for {
		old := redactor.Load()
		if with := old.With(s); with == old || redactor.CompareAndSwap(old, with) {
			return
		}
	}
}

// redactedObject hands on what is added to a log entry, without credentials.
// Numbers, times and the like go on as they are.
type redactedObject struct {
	zapcore.ObjectEncoder `json:"-"` // LogFormat has it, and is configuration
	redactor              *gate.Redactor
}

// AddString adds a string.
func (o redactedObject) AddString(key, value string) {
	o.ObjectEncoder.AddString(key, o.redactor.Value(key, value))
}

// AddByteString adds bytes that are text.
func (o redactedObject) AddByteString(key string, value []byte) {
	if text := o.redactor.Value(key, string(value)); text != string(value) {
		value = []byte(text)
	}
	o.ObjectEncoder.AddByteString(key, value)
}

// AddBinary adds bytes, which encoders mostly show in base64.
func (o redactedObject) AddBinary(key string, value []byte) {
	if text := o.redactor.Value(key, string(value)); text != string(value) {
		value = []byte(text)
	}
	o.ObjectEncoder.AddBinary(key, value)
}

// AddArray adds a list. The values of a header are one, under its name.
func (o redactedObject) AddArray(key string, list zapcore.ArrayMarshaler) error {
	if values, ok := list.(caddyhttp.LoggableStringArray); ok {
		if changed := redactStrings(o.redactor, key, values); changed != nil {
			list = changed
		}
		return o.ObjectEncoder.AddArray(key, list)
	}
	return o.ObjectEncoder.AddArray(key, redactedListOf{list, key, o.redactor})
}

// redactStrings returns nil if there is nothing to redact. That is so for nearly
// all headers, and needs no memory.
func redactStrings(r *gate.Redactor, key string, values []string) (changed caddyhttp.LoggableStringArray) {
	for i, value := range values {
		text := r.Value(key, value)
		if text != value && changed == nil {
			changed = slices.Clone(values)
		}
		if changed != nil {
			changed[i] = text
		}
	}
	return changed
}

// AddObject adds an object.
func (o redactedObject) AddObject(key string, object zapcore.ObjectMarshaler) error {
	return o.ObjectEncoder.AddObject(key, redactedObjectOf{object, o.redactor})
}

// AddReflected adds a value of any type.
func (o redactedObject) AddReflected(key string, value any) error {
	if p, ok := value.(*formatProbe); ok {
		p.redacted++
		return nil
	}
	return o.ObjectEncoder.AddReflected(key, redactReflected(o.redactor, key, value))
}

// redactedObjectOf is an object that is written without credentials.
type redactedObjectOf struct {
	zapcore.ObjectMarshaler
	redactor *gate.Redactor
}

// MarshalLogObject writes the object.
func (o redactedObjectOf) MarshalLogObject(e zapcore.ObjectEncoder) error {
	return o.ObjectMarshaler.MarshalLogObject(redactedObject{e, o.redactor})
}

// redactedListOf is a list under a key that is written without credentials.
type redactedListOf struct {
	zapcore.ArrayMarshaler
	key      string
	redactor *gate.Redactor
}

// MarshalLogArray writes the list.
func (l redactedListOf) MarshalLogArray(e zapcore.ArrayEncoder) error {
	return l.ArrayMarshaler.MarshalLogArray(redactedList{e, l.key, l.redactor})
}

// redactedList is redactedObject for lists.
type redactedList struct {
	zapcore.ArrayEncoder
	key      string
	redactor *gate.Redactor
}

// AppendString adds a string.
func (l redactedList) AppendString(value string) {
	l.ArrayEncoder.AppendString(l.redactor.Value(l.key, value))
}

// AppendByteString adds bytes that are text.
func (l redactedList) AppendByteString(value []byte) { l.AppendString(string(value)) }

// AppendArray adds a list.
func (l redactedList) AppendArray(list zapcore.ArrayMarshaler) error {
	return l.ArrayEncoder.AppendArray(redactedListOf{list, l.key, l.redactor})
}

// AppendObject adds an object.
func (l redactedList) AppendObject(object zapcore.ObjectMarshaler) error {
	return l.ArrayEncoder.AppendObject(redactedObjectOf{object, l.redactor})
}

// AppendReflected adds a value of any type.
func (l redactedList) AppendReflected(value any) error {
	return l.ArrayEncoder.AppendReflected(redactReflected(l.redactor, l.key, value))
}

// redactReflected returns the value itself if there is nothing to redact.
// Otherwise it returns what the value is in JSON, as encoders would write it. A
// value that can't be in JSON is left to the encoder, which makes an error of it.
func redactReflected(r *gate.Redactor, key string, value any) any {
	if value == nil || isNumber(value) {
		return value
	}
	text, err := json.Marshal(value)
	if err != nil {
		return value
	}
	var tree any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return value
	}
	if redacted, changed := redactTree(r, key, tree); changed {
		return redacted
	}
	return value
}

func isNumber(value any) bool {
	kind := reflect.TypeOf(value).Kind()
	return kind >= reflect.Bool && kind <= reflect.Complex128
}

// redactTree redacts a value in JSON under a key. Keys can be secrets too.
func redactTree(r *gate.Redactor, key string, tree any) (redacted any, changed bool) {
	switch node := tree.(type) {
	case string:
		text := r.Value(key, node)
		return text, text != node
	case []any:
		for i, child := range node {
			var c bool
			node[i], c = redactTree(r, key, child)
			changed = changed || c
		}
	case map[string]any:
		other := make(map[string]any, len(node))
		for name, child := range node {
			value, c := redactTree(r, name, child)
			text := r.Text(name)
			other[text] = value
			changed = changed || c || text != name
		}
		return other, changed
	}
	return tree, changed
}
