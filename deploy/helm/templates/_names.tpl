{{/* Names and labels. */}}

{{- define "cachemuster.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters: a CronJob adds `-sweep`, its Jobs and their pods some more, of 63. */}}
{{- define "cachemuster.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "cachemuster.serviceAccount" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "cachemuster.fullname" .) "default" -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end -}}

{{/* The name of the workload; the CronJob's and its claim's are those of the overlays. */}}
{{- define "cachemuster.workload" -}}
{{- include "cachemuster.fullname" . }}{{ if eq .Values.mode "sweep" }}-sweep{{ end }}
{{- end -}}

{{- define "cachemuster.component" -}}
{{- eq .Values.mode "sweep" | ternary "sweep" "service" -}}
{{- end -}}

{{- define "cachemuster.podSelector" -}}
app.kubernetes.io/name: {{ include "cachemuster.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cachemuster.selector" -}}
{{ include "cachemuster.podSelector" . }}
app.kubernetes.io/component: {{ include "cachemuster.component" . }}
{{- end -}}

{{- define "cachemuster.labels" -}}
{{ include "cachemuster.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "cachemuster.image" -}}
{{- $image := .Values.image -}}
{{- $repository := required "image.repository is missing: the registry to which the image was pushed, such as registry.example.com/cachemuster" $image.repository -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
