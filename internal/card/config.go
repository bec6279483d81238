package card

import (
	"bytes"
	"encoding/json"
	"io"
)

const (
	maxConfig    = 2 << 20   // bytes of a config.json that is read at all
	maxTemplate  = 256 << 10 // bytes of a chat template that is shown
	maxConfigVal = 16 << 10  // bytes of any other part
)

// configKeys are the members of config.json that the Hub shows as they are.
var configKeys = []string{"architectures", "model_type", "quantization_config", "auto_map", "task_specific_params"}

// Config is the small part of a model's config.json that repository information shows. nil when there is none.
func Config(configJSON []byte) map[string]any {
	full := readObject(configJSON)
	out := map[string]any{}
	for _, key := range configKeys {
		if v, ok := full[key]; ok && len(v) <= maxConfigVal {
			if value, ok := smallValue(v); ok {
				out[key] = value
			}
		}
	}
	if t := TokenizerConfig(full["tokenizer_config"]); t != nil {
		out["tokenizer_config"] = t
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// TokenizerConfig is what is shown of a tokenizer_config.json: special tokens and the chat template. nil when there is none.
func TokenizerConfig(tokenizerJSON []byte) map[string]any {
	full := readObject(tokenizerJSON)
	out := map[string]any{}
	for _, key := range []string{"bos_token", "eos_token", "pad_token", "unk_token", "cls_token", "sep_token", "mask_token"} {
		if s, ok := tokenText(full[key]); ok {
			out[key] = s
		}
	}
	if t := full["chat_template"]; len(t) > 0 && len(t) <= maxTemplate {
		if v, ok := smallValue(t); ok && v != nil {
			out["chat_template"] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// tokenText reads a special token, which is a string or an object with its content.
func tokenText(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || len(raw) > 4096 {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, s != ""
	}
	var o struct{ Content string }
	err := json.Unmarshal(raw, &o)
	return o.Content, err == nil && o.Content != ""
}

// readObject splits a JSON object into its members without building their trees.
func readObject(text []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if len(text) == 0 || len(text) > maxConfig {
		return nil
	}
	if json.Unmarshal(text, &m) != nil {
		return nil
	}
	return m
}

// smallValue decodes a value that is short and flat.
func smallValue(raw json.RawMessage) (any, bool) {
	if !shallow(raw, 8) {
		return nil, false
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	if d.Decode(&v) != nil {
		return nil, false
	}
	return v, true
}

func shallow(raw []byte, limit int) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err == io.EOF
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > limit {
			return false
		}
	}
}
