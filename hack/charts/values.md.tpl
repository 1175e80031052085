{{- range .Sections }}
{{- if .Properties }}

### {{ .Name }}

| value | meaning | type | default |
|---|---|---|---|
{{- range .Properties }}
{{- $text := "" }}
{{- range .Description.Segments }}
{{- if eq (toString .Type) "text" }}{{ $text = printf "%s %s" $text .String }}{{ end }}
{{- end }}
{{- $text = $text | trim | replace "\n" " " | replace "|" "\\|" }}
{{- $type := .Type | toString | replace "unknown" "number or string" }}
| `{{ .Path }}` | {{ $text }} | {{ $type }} |{{ if contains "\n" .Default }} <pre>{{ .Default | replace "\n" "<br>" }}</pre> {{ else if .Default }} `{{ .Default }}` {{ else }} {{ end }}|
{{- end }}
{{- end }}
{{- end }}
