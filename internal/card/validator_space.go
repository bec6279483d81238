package card

import (
	"strings"
	"unicode/utf8"
)

var (
	sdkIDs   = []string{"gradio", "streamlit", "docker", "static"} // streamlit is kept for the Spaces that already use it
	sdks     = set(sdkIDs...)
	colorIDs = []string{"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
	colors   = set(colorIDs...)
)

func (v *validator) space(d dict) {
	for _, key := range []string{"title", "emoji", "short_description", "app_file", "app_build_command", "base_path"} {
		v.text(d, key)
	}
	v.flag(d, "pinned")
	v.flag(d, "fullWidth")
	v.repos(d, "models", "model")
	v.repos(d, "datasets", "dataset")
	v.oneOf(d, "sdk", sdks, sdkIDs)
	v.oneOf(d, "colorFrom", colors, colorIDs)
	v.oneOf(d, "colorTo", colors, colorIDs)
	if d["sdk"] == nil {
		v.warn(`A Space needs "sdk" to run: %s`, strings.Join(sdkIDs, ", "))
	}
	if utf8.RuneCountInString(d.text("short_description")) > 60 {
		v.fail(`"short_description" must have at most 60 characters`)
	}
	if len(d.text("emoji")) > 64 {
		v.fail(`"emoji" must be one emoji`)
	}
	v.appPort(d)
}

func (v *validator) oneOf(d dict, key string, known map[string]bool, list []string) {
	if d[key] == nil {
		return
	}
	if s, ok := d[key].(string); !ok || !known[s] {
		v.fail("%q must be one of %s", key, strings.Join(list, ", "))
	}
}

func (v *validator) appPort(d dict) {
	if d["app_port"] == nil {
		return
	}
	if n, ok := d["app_port"].(int64); !ok || n < 1 || n > 65535 {
		v.fail(`"app_port" must be a whole number from 1 to 65535`)
	}
}
