{{/* What the templates read out of config, and what they refuse. */}}

{{- define "cachemuster.snapshot" -}}
{{- (.Values.config.state).snapshot | default "" -}}
{{- end -}}

{{- define "cachemuster.isTeleport" -}}
{{- if eq ((.Values.config.control_plane).kind | default "") "teleport" }}yes{{ end -}}
{{- end -}}

{{- define "cachemuster.identityDirectory" -}}
{{- dir .Values.config.control_plane.identity_file -}}
{{- end -}}

{{- define "cachemuster.port" -}}
{{- regexFind "[0-9]+$" .Values.config.service.listen -}}
{{- end -}}

{{/* tbot.yaml: what `cachemuster policies tbot` prints. Nothing is stored, because the bot joins
again with the pod's AWS role. */}}
{{- define "cachemuster.tbot" -}}
{{- $teleport := .Values.config.control_plane -}}
{{- $server := eq ($teleport.route | default "auto") "auth" | ternary "auth_server" "proxy_server" -}}
{{- $token := .Values.teleport.tbot.token | default (printf "cachemuster-%s" .Values.config.group) -}}
{{- $directory := dict "type" "directory" "path" (include "cachemuster.identityDirectory" .) -}}
{{- $output := dict "type" "identity" "destination" $directory "ssh_config" "off" -}}
{{- $made := dict "version" "v2" $server $teleport.address
      "onboarding" (dict "join_method" "iam" "token" $token)
      "storage" (dict "type" "memory")
      "credential_ttl" "1h" "renewal_interval" "20m" "outputs" (list $output) -}}
{{- mergeOverwrite $made (deepCopy .Values.teleport.tbot.config) | toYaml -}}
{{- end -}}

{{- define "cachemuster.check" -}}
{{- include "cachemuster.checkState" . -}}
{{- include "cachemuster.checkShard" (list . "config.state.snapshot" (include "cachemuster.snapshot" .)) -}}
{{- include "cachemuster.checkService" . -}}
{{- include "cachemuster.checkTeleport" . -}}
{{- range list "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" -}}
{{- if hasKey $.Values.env . -}}
{{- fail (printf "env.%s is a secret and would be readable by everybody who can see the pod. Put it into a Secret, and name that in envFrom" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cachemuster.checkState" -}}
{{- $shards := int .Values.shards -}}
{{- if and (eq .Values.mode "sweep") (gt $shards 1) (not (include "cachemuster.snapshot" .)) -}}
{{- fail (printf "mode: sweep with shards: %d needs config.state.snapshot, such as s3://BUCKET/cachemuster-{shard}.db. The pods of an Indexed Job have no volumes of their own, so every sweep would start with a new state; and a new state never removes anything" $shards) -}}
{{- end -}}
{{- if and .Values.persistence.existingClaim (gt $shards 1) -}}
{{- fail (printf "persistence.existingClaim is one volume, and shards: %d need one each. Leave it out" $shards) -}}
{{- end -}}
{{- end -}}

{{/* A name that shards must not share, and that only shards have a number for. */}}
{{- define "cachemuster.checkShard" -}}
{{- $shards := int (index . 0).Values.shards -}}
{{- $key := index . 1 -}}
{{- $name := index . 2 | default "" -}}
{{- if and $name (gt $shards 1) (not (contains "{shard}" $name)) -}}
{{- fail (printf "%s is shared by %d shards: write {shard} where the number of the shard belongs" $key $shards) -}}
{{- end -}}
{{- if and (eq $shards 1) (contains "{shard}" $name) -}}
{{- fail (printf "%s has {shard} in it, which stands for the number of one of several shards, and shards is 1" $key) -}}
{{- end -}}
{{- end -}}

{{- define "cachemuster.checkService" -}}
{{- if eq .Values.mode "run" -}}
{{- include "cachemuster.checkShard" (list . "config.service.events.queue_url" ((.Values.config.service).events).queue_url) -}}
{{- if regexMatch "^(127[.]|localhost:|\\[::1\\])" .Values.config.service.listen -}}
{{- fail (printf "config.service.listen is %s, where Kubernetes' probes and Prometheus cannot reach it: leave it out" .Values.config.service.listen) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cachemuster.checkTeleport" -}}
{{- $identity := .Values.teleport.identity -}}
{{- if and (include "cachemuster.isTeleport" .) (eq $identity "none") -}}
{{- fail "config.control_plane is Teleport, and teleport.identity is none: choose tbot or secret" -}}
{{- end -}}
{{- if and (not (include "cachemuster.isTeleport" .)) (ne $identity "none") -}}
{{- fail (printf "teleport.identity is %s, and config.control_plane is not of kind teleport: set its address and identity_file, or set teleport.identity to none" $identity) -}}
{{- end -}}
{{- if and (eq $identity "secret") (not .Values.teleport.secret) -}}
{{- fail "teleport.identity is secret: set teleport.secret to the name of the Secret with the identity" -}}
{{- end -}}
{{- end -}}
