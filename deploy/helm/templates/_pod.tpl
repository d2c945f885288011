{{/* The pod of every workload. Takes a dict: root, args, and `once` unless it is the service. */}}

{{- define "cachemuster.pod" -}}
{{- $root := .root -}}
{{- include "cachemuster.check" $root -}}
{{- $tbot := eq $root.Values.teleport.identity "tbot" -}}
metadata:
  labels:
    {{- include "cachemuster.podSelector" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component | default (include "cachemuster.component" $root) }}
    {{- with $root.Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: cachemuster
    # Another configuration is another pod.
    checksum/config: {{ toYaml $root.Values.config | sha256sum }}
    {{- if $tbot }}
    checksum/tbot: {{ include "cachemuster.tbot" $root | sha256sum }}
    {{- end }}
    {{- with $root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- if .once }}
  restartPolicy: Never
  {{- end }}
  serviceAccountName: {{ include "cachemuster.serviceAccount" $root }}
  # Nothing here uses the Kubernetes API. AWS's own webhook still mounts AWS's token.
  automountServiceAccountToken: false
  enableServiceLinks: false
  # It ends within ten seconds: the current write gets eight.
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    {{- with $root.Values.runAs }}
    runAsUser: {{ . }}
    runAsGroup: {{ . }}
    fsGroup: {{ . }}
    {{- end }}
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if not .once }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "cachemuster.selector" $root | nindent 10 }}
  {{- end }}
  {{- if $tbot }}
  initContainers:
    # The first identity is there before the agent starts; it is valid for an hour.
    - name: tbot-first
      args: [start, --config=/etc/tbot/tbot.yaml, --oneshot]
      {{- include "cachemuster.tbotContainer" $root | nindent 6 }}
    {{- if not .once }}
    # It is renewed for as long as the agent runs: a sidecar.
    - name: tbot
      restartPolicy: Always
      args: [start, --config=/etc/tbot/tbot.yaml]
      {{- include "cachemuster.tbotContainer" $root | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: cachemuster
      image: {{ include "cachemuster.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args:
        {{- toYaml .args | nindent 8 }}
      {{- include "cachemuster.environment" $root | nindent 6 }}
      {{- if not .once }}
      {{- include "cachemuster.probes" $root | nindent 6 }}
      {{- end }}
      resources:
        {{- toYaml $root.Values.resources | nindent 8 }}
      {{- include "cachemuster.containerSecurity" $root | nindent 6 }}
      volumeMounts:
        - {name: state, mountPath: {{ dir $root.Values.config.state.path | quote }}}
        - {name: configuration, mountPath: /etc/cachemuster, readOnly: true}
        - {name: temporary, mountPath: /tmp}
        {{- if ne $root.Values.teleport.identity "none" }}
        - {name: identity, mountPath: {{ include "cachemuster.identityDirectory" $root | quote }}, readOnly: true}
        {{- end }}
  volumes:
    {{- include "cachemuster.volumes" . | nindent 4 }}
{{- end -}}

{{- define "cachemuster.environment" -}}
{{- with .Values.env }}
env:
  {{- range $name, $value := . }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
{{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Not a value: nothing here needs more. */}}
{{- define "cachemuster.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "cachemuster.probes" -}}
ports:
  - {name: metrics, containerPort: {{ include "cachemuster.port" . }}, protocol: TCP}
# The server starts within seconds, the first sweep ends later. Until then the pod is alive and not
# ready.
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 5
  failureThreshold: 60
# Fails when there was no progress for two intervals.
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 30
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{- define "cachemuster.tbotContainer" -}}
image: {{ .Values.teleport.tbot.image | quote }}
{{- include "cachemuster.environment" . }}
resources:
  {{- toYaml .Values.teleport.tbot.resources | nindent 2 }}
{{ include "cachemuster.containerSecurity" . }}
volumeMounts:
  - {name: identity, mountPath: {{ include "cachemuster.identityDirectory" . | quote }}}
  - {name: tbot, mountPath: /etc/tbot, readOnly: true}
{{- end -}}

{{/* The StatefulSet adds the volume `state` by its own template. */}}
{{- define "cachemuster.volumes" -}}
{{- $root := .root -}}
{{- if .claim }}
- name: state
  persistentVolumeClaim: {claimName: {{ .claim }}}
{{- else if not .hasClaimTemplate }}
- name: state
  emptyDir: {sizeLimit: {{ $root.Values.persistence.size }}}
{{- end }}
# The configuration, and the secrets that it names.
- name: configuration
  projected:
    defaultMode: 0440
    sources:
      - configMap: {name: {{ include "cachemuster.fullname" $root }}}
      {{- with $root.Values.secret }}
      - secret: {name: {{ . }}}
      {{- end }}
# Temporary files of libraries, in memory.
- name: temporary
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- if eq $root.Values.teleport.identity "tbot" }}
- name: identity
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
- name: tbot
  configMap: {name: {{ include "cachemuster.fullname" $root }}-tbot}
{{- else if eq $root.Values.teleport.identity "secret" }}
- name: identity
  secret:
    secretName: {{ $root.Values.teleport.secret }}
    defaultMode: 0440
    items:
      - {key: {{ $root.Values.teleport.secretKey | quote }}, path: {{ base $root.Values.config.control_plane.identity_file | quote }}}
{{- end }}
{{- end -}}

{{/* The claim of the one process; empty where there are several, or the state is a snapshot. */}}
{{- define "cachemuster.claim" -}}
{{- if not (or (include "cachemuster.snapshot" .) (gt (int .Values.shards) 1)) -}}
{{- .Values.persistence.existingClaim | default (include "cachemuster.workload" .) -}}
{{- end -}}
{{- end -}}

{{- define "cachemuster.claimSpec" -}}
accessModes: [{{ .Values.persistence.accessMode }}]
{{- with .Values.persistence.storageClassName }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests: {storage: {{ .Values.persistence.size }}}
{{- end -}}
