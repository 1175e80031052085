{{/*
The flags of the operator. Flags that repeat a default of the operator are left out.
*/}}
{{- define "acs-chat-operator.args" -}}
{{- $args := list -}}
{{- if .Values.leaderElection.enabled -}}
{{- $args = append $args "--leader-elect" -}}
{{- $lease := include "acs-chat-operator.leaseName" . -}}
{{- if ne $lease "acs-chat-operator.chat.acs-operator.io" -}}
{{- $args = append $args (printf "--leader-election-id=%s" $lease) -}}
{{- end -}}
{{- end -}}
{{- $args = append $args (printf "--metrics-bind-address=%s" (ternary ":8443" "0" .Values.metrics.enabled)) -}}
{{- $args = append $args "--health-probe-bind-address=:8081" -}}
{{- if .Values.namespaced -}}
{{- $args = append $args "--namespaced" -}}
{{- end -}}
{{- if .Values.watchNamespaces -}}
{{- $args = append $args (printf "--watch-namespaces=%s" (join "," .Values.watchNamespaces)) -}}
{{- else if .Values.namespaced -}}
{{- $args = append $args "--watch-namespaces=$(POD_NAMESPACE)" -}}
{{- end -}}
{{- if and .Values.metrics.enabled (not (include "acs-chat-operator.isMetricsSecure" .)) -}}
{{- $args = append $args "--metrics-secure=false" -}}
{{- end -}}
{{- if .Values.metrics.certSecretName -}}
{{- $args = append $args "--metrics-cert-dir=/etc/acs-chat-operator/metrics" -}}
{{- end -}}
{{- with .Values.allowedEndpoints -}}
{{- $args = append $args (printf "--allowed-endpoint-suffixes=%s" (join "," .)) -}}
{{- end -}}
{{- if and .Values.entra.enabled .Values.entra.namespaces -}}
{{- $args = append $args (printf "--entra-namespaces=%s" (join "," .Values.entra.namespaces)) -}}
{{- end -}}
{{- if .Values.caBundle.configMapName -}}
{{- $args = append $args (printf "--acs-ca-file=/etc/acs-chat-operator/ca/%s" .Values.caBundle.key) -}}
{{- end -}}
{{- if not .Values.pacing -}}
{{- $args = append $args "--acs-pacing=false" -}}
{{- end -}}
{{- if ne .Values.acsTimeout "10s" -}}
{{- $args = append $args (printf "--acs-timeout=%s" .Values.acsTimeout) -}}
{{- end -}}
{{- if ne (int .Values.maxConcurrentReconciles) 16 -}}
{{- $args = append $args (printf "--max-concurrent-reconciles=%d" (int .Values.maxConcurrentReconciles)) -}}
{{- end -}}
{{- if .Values.pprof.enabled -}}
{{- $args = append $args (printf "--pprof-bind-address=%s" .Values.pprof.address) -}}
{{- end -}}
{{- if ne (toString .Values.logLevel) "info" -}}
{{- $args = append $args (printf "--zap-log-level=%v" .Values.logLevel) -}}
{{- end -}}
{{- if ne .Values.logFormat "json" -}}
{{- $args = append $args (printf "--zap-encoder=%s" .Values.logFormat) -}}
{{- end -}}
{{- toYaml (concat $args .Values.extraArgs) -}}
{{- end -}}

{{/*
The environment of the container. Each name is there once: Helm 4 applies a list of variables by name.
Kubernetes replaces $(KUBERNETES_SERVICE_HOST) by the address at which a pod reaches the API server.
*/}}
{{- define "acs-chat-operator.env" -}}
{{- $env := list (dict "name" "POD_NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace"))) -}}
{{- if and (dig "limits" "memory" "" .Values.resources) (not (has "GOMEMLIMIT" (include "acs-chat-operator.extraEnvNames" . | fromJsonArray))) -}}
{{- $limit := dict "containerName" "manager" "resource" "limits.memory" -}}
{{- $env = append $env (dict "name" "GOMEMLIMIT" "valueFrom" (dict "resourceFieldRef" $limit)) -}}
{{- end -}}
{{- with .Values.proxy.http -}}
{{- $env = append $env (dict "name" "HTTP_PROXY" "value" .) -}}
{{- end -}}
{{- with .Values.proxy.https -}}
{{- $env = append $env (dict "name" "HTTPS_PROXY" "value" .) -}}
{{- end -}}
{{- if or .Values.proxy.http .Values.proxy.https -}}
{{- $hosts := prepend .Values.proxy.noProxy "$(KUBERNETES_SERVICE_HOST)" -}}
{{- $env = append $env (dict "name" "NO_PROXY" "value" (join "," $hosts)) -}}
{{- end -}}
{{- with .Values.tracing.endpoint -}}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .) -}}
{{- end -}}
{{- toYaml (concat $env .Values.extraEnv) -}}
{{- end -}}

{{- define "acs-chat-operator.extraEnvNames" -}}
{{- $names := list -}}
{{- range .Values.extraEnv }}{{ $names = append $names .name }}{{ end -}}
{{- toJson $names -}}
{{- end -}}

{{- define "acs-chat-operator.volumeMounts" -}}
{{- $mounts := list -}}
{{- if .Values.caBundle.configMapName -}}
{{- $mounts = append $mounts (dict "name" "ca" "mountPath" "/etc/acs-chat-operator/ca" "readOnly" true) -}}
{{- end -}}
{{- if .Values.metrics.certSecretName -}}
{{- $mounts = append $mounts (dict "name" "metrics-certificate" "mountPath" "/etc/acs-chat-operator/metrics" "readOnly" true) -}}
{{- end -}}
{{- with concat $mounts .Values.extraVolumeMounts }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* Both are mounted as directories, so that changes arrive in the running container. */}}
{{- define "acs-chat-operator.volumes" -}}
{{- $volumes := list -}}
{{- with .Values.caBundle -}}
{{- if .configMapName -}}
{{- $items := list (dict "key" .key "path" .key) -}}
{{- $volumes = append $volumes (dict "name" "ca" "configMap" (dict "name" .configMapName "items" $items)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.metrics.certSecretName -}}
{{- $volumes = append $volumes (dict "name" "metrics-certificate" "secret" (dict "secretName" .)) -}}
{{- end -}}
{{- with concat $volumes .Values.extraVolumes }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "acs-chat-operator.topologySpread" -}}
{{- $pods := dict "matchLabels" (include "acs-chat-operator.selectorLabels" . | fromYaml) -}}
{{- $given := .Values.topologySpreadConstraints -}}
{{- if and (kindIs "invalid" $given) (gt (int .Values.replicas) 1) -}}
{{- $given = list
      (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway")
      (dict "maxSkew" 1 "topologyKey" "topology.kubernetes.io/zone" "whenUnsatisfiable" "ScheduleAnyway")
-}}
{{- end -}}
{{- $constraints := list -}}
{{- range $given }}{{ $constraints = append $constraints (merge (deepCopy .) (dict "labelSelector" $pods)) }}{{ end -}}
{{- with $constraints }}{{ toYaml . }}{{ end -}}
{{- end -}}
