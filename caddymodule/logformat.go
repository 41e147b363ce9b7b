package caddymodule

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/tokenreeve/tokenreeve/gate"
)

func init() {
	caddy.RegisterModule(new(LogFormat))
}

// LogFormat is a format for logs that leaves credentials out of every entry:
// what looks like a secret of ours, wherever it stands, and whatever stands in
// the place of a source of any gate. It writes REDACTED in their places. The
// entries are encoded by another format.
type LogFormat struct {
	// WrappedRaw is the format that encodes the entries. Default: json, or console
	// if the log goes to a terminal.
	WrappedRaw json.RawMessage `json:"wrap,omitempty" caddy:"namespace=caddy.logging.encoders inline_key=format"`

	redactedObject // what is added before there is an entry goes to the wrapped format
	ctx            caddy.Context
}

// CaddyModule returns the Caddy module information.
func (*LogFormat) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.encoders.api_tokens",
		New: func() caddy.Module { return new(LogFormat) },
	}
}

// Provision loads the wrapped format.
func (f *LogFormat) Provision(ctx caddy.Context) error {
	f.ctx = ctx
	if f.WrappedRaw == nil {
		return f.wrapDefault(new(logging.JSONEncoder))
	}
	module, err := ctx.LoadModule(f, "WrappedRaw")
	if err != nil {
		return fmt.Errorf("loading the wrapped log format: %w", err)
	}
	wrapped, ok := module.(zapcore.Encoder)
	if !ok {
		return fmt.Errorf("%T is not a log format", module)
	}
	f.ObjectEncoder = wrapped
	return nil
}

// wrapDefault makes a format of Caddy's own the wrapped one.
func (f *LogFormat) wrapDefault(format interface {
	zapcore.Encoder
	caddy.Provisioner
},
) error {
	if err := format.Provision(f.ctx); err != nil {
		return fmt.Errorf("loading the default log format: %w", err)
	}
	f.ObjectEncoder = format
	return nil
}

// wrapped is the format that encodes the entries.
func (f *LogFormat) wrapped() zapcore.Encoder {
	encoder, _ := f.ObjectEncoder.(zapcore.Encoder) // nothing else is ever put there
	return encoder
}

// ConfigureDefaultFormat makes console the default for a terminal, as Caddy does.
func (f *LogFormat) ConfigureDefaultFormat(to caddy.WriterOpener) error {
	if f.WrappedRaw != nil {
		if inner, ok := f.ObjectEncoder.(caddy.ConfiguresFormatterDefault); ok {
			return inner.ConfigureDefaultFormat(to)
		}
		return nil
	}
	if caddy.IsWriterStandardStream(to) && term.IsTerminal(int(os.Stderr.Fd())) {
		return f.wrapDefault(new(logging.ConsoleEncoder))
	}
	return nil
}

// UnmarshalCaddyfile parses the format:
//
//	format api_tokens {
//		wrap <format>
//	}
func (f *LogFormat) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("surplus word %q; format api_tokens takes a block", d.Val())
	}
	seen := lines{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := seen.once(d); err != nil {
			return err
		}
		if d.Val() != "wrap" {
			return d.Errf("unknown word %q; format api_tokens takes wrap", d.Val())
		}
		if !d.NextArg() {
			return d.Err("wrap takes a log format, such as json or console")
		}
		name := d.Val()
		module, err := caddyfile.UnmarshalModule(d, "caddy.logging.encoders."+name)
		if err != nil {
			return err
		}
		f.WrappedRaw = caddyconfig.JSONModuleObject(module, "format", name, nil)
	}
	return nil
}

// Clone returns a copy for the fields of one logger.
func (f *LogFormat) Clone() zapcore.Encoder {
	return &LogFormat{redactedObject: redactedObject{f.wrapped().Clone(), redactor.Load()}}
}

// EncodeEntry writes an entry.
func (f *LogFormat) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	r, linkShows := redactor.Load(), showsSetUpLink(&entry)
	entry.Message, entry.Stack = r.Text(entry.Message), r.Text(entry.Stack)
	if len(fields) > 0 {
		fields = []zapcore.Field{zap.Inline(redactedFields{fields, r})}
	}
	line, err := f.wrapped().EncodeEntry(entry, fields)
	if err != nil {
		return line, err
	}
	// Whatever came another way, such as the name of a header or of a logger.
	text := gate.Minted(line.Bytes())
	if !linkShows {
		text = hideSessions(text)
	}
	text = hideAnswers(text)
	if len(text) != line.Len() {
		line.Reset()
		_, err = line.Write(text) // onto itself
	}
	return line, err
}

// redactedFields are the fields of an entry, without credentials. Being one field
// for the wrapped format, they need no copy of it.
type redactedFields struct {
	fields   []zapcore.Field
	redactor *gate.Redactor
}

// MarshalLogObject writes the fields.
func (f redactedFields) MarshalLogObject(e zapcore.ObjectEncoder) error {
	o := redactedObject{e, f.redactor}
	for i := range f.fields {
		f.fields[i].AddTo(o)
	}
	return nil
}

var (
	_ zapcore.Encoder                  = (*LogFormat)(nil)
	_ caddy.Provisioner                = (*LogFormat)(nil)
	_ caddy.ConfiguresFormatterDefault = (*LogFormat)(nil)
	_ caddyfile.Unmarshaler            = (*LogFormat)(nil)
)
