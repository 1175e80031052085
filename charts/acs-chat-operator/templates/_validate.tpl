{{/*
Fails if a value contradicts another one. Each sentence names both. values.schema.json checks each value alone.
*/}}
{{- define "acs-chat-operator.validate" -}}
{{- include "acs-chat-operator.validatePermissions" . -}}
{{- include "acs-chat-operator.validateReplicas" . -}}
{{- include "acs-chat-operator.validateMetrics" . -}}
{{- include "acs-chat-operator.validateEnv" . -}}
{{- end -}}

{{- define "acs-chat-operator.validatePermissions" -}}
{{- if .Values.namespaced -}}
{{- if .Values.deletionGuard.enabled -}}
{{- fail "namespaced and deletionGuard.enabled: the guard is an object for the whole cluster; turn one of them off." -}}
{{- end -}}
{{- if .Values.rbac.aggregate -}}
{{- fail "namespaced and rbac.aggregate: the roles of users are objects for the whole cluster; turn one of them off." -}}
{{- end -}}
{{- if .Values.metrics.secure -}}
{{- fail "namespaced and metrics.secure: no Role permits to authenticate clients of the metrics; turn one of them off." -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.rbac.create) .Values.rbac.aggregate -}}
{{- fail "rbac.create=false and rbac.aggregate: the chart creates no role at all; leave rbac.aggregate out." -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.create=false and serviceAccount.name: name the account that the pods use instead." -}}
{{- end -}}
{{- if .Values.entra.enabled -}}
{{- if and .Values.serviceAccount.create (not .Values.entra.clientID) -}}
{{- fail "entra.enabled and entra.clientID: set the client ID of the identity that the operator uses." -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (or .Values.entra.clientID .Values.entra.tenantID) -}}
{{- fail "serviceAccount.create=false and entra.clientID or entra.tenantID: the chart cannot annotate the account; leave these out and annotate it yourself." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "acs-chat-operator.validateReplicas" -}}
{{- $replicas := int .Values.replicas -}}
{{- if and (not .Values.leaderElection.enabled) (gt $replicas 1) -}}
{{- fail "leaderElection.enabled=false and replicas: without an election only 1 replica may run." -}}
{{- end -}}
{{- if and (not .Values.leaderElection.enabled) .Values.leaderElection.id -}}
{{- fail "leaderElection.enabled=false and leaderElection.id: without an election there is no Lease to name." -}}
{{- end -}}
{{- $min := .Values.pdb.minAvailable -}}
{{- if and (not (kindIs "invalid" $min)) (not (kindIs "invalid" .Values.pdb.maxUnavailable)) -}}
{{- fail "pdb.minAvailable and pdb.maxUnavailable: a PodDisruptionBudget has only one of them; leave one out." -}}
{{- end -}}
{{- if and (include "acs-chat-operator.hasPDB" .) (not (kindIs "invalid" $min)) -}}
{{- if or (eq (toString $min) "100%") (and (not (kindIs "string" $min)) (ge (int $min) $replicas)) -}}
{{- fail (printf "pdb.minAvailable=%v and replicas=%d: no node with a pod could be drained; lower pdb.minAvailable." $min $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "acs-chat-operator.validateMetrics" -}}
{{- $metrics := .Values.metrics -}}
{{- $secure := include "acs-chat-operator.isMetricsSecure" . -}}
{{- if and $metrics.serviceMonitor.enabled $metrics.podMonitor.enabled -}}
{{- fail "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled: the metrics would count twice; turn one of them off." -}}
{{- end -}}
{{- range $monitor := tuple "serviceMonitor" "podMonitor" -}}
{{- if and (get $metrics $monitor).enabled (not $metrics.enabled) -}}
{{- fail (printf "metrics.enabled=false and metrics.%s.enabled: there are no metrics to scrape; turn the monitor off." $monitor) -}}
{{- end -}}
{{- end -}}
{{- range $reader := tuple "prometheusRule" "dashboard" -}}
{{- if and (get $metrics $reader).enabled (not $metrics.enabled) -}}
{{- fail (printf "metrics.enabled=false and metrics.%s.enabled: there are no metrics to look at; turn one of them off." $reader) -}}
{{- end -}}
{{- end -}}
{{- if and $metrics.certSecretName (not $metrics.enabled) -}}
{{- fail "metrics.enabled=false and metrics.certSecretName: no endpoint needs the certificate; leave it out." -}}
{{- end -}}
{{- if and $metrics.certSecretName (not $secure) -}}
{{- fail (printf "%s and metrics.certSecretName: plain http needs no certificate; leave it out." (ternary "namespaced" "metrics.secure=false" (kindIs "invalid" $metrics.secure))) -}}
{{- end -}}
{{- if and $metrics.podMonitor.enabled $secure (not $metrics.podMonitor.authorization) -}}
{{- fail "metrics.podMonitor.enabled and metrics.podMonitor.authorization: for https, name a Secret with a token there, or set metrics.secure to false." -}}
{{- end -}}
{{- end -}}

{{- define "acs-chat-operator.validateEnv" -}}
{{- $names := include "acs-chat-operator.extraEnvNames" . | fromJsonArray -}}
{{- if has "POD_NAMESPACE" $names -}}
{{- fail "extraEnv and POD_NAMESPACE: the chart sets this variable; leave it out of extraEnv." -}}
{{- end -}}
{{- if and .Values.proxy.http (has "HTTP_PROXY" $names) -}}
{{- fail "extraEnv and proxy.http: both set HTTP_PROXY; leave one of them out." -}}
{{- end -}}
{{- if and .Values.proxy.https (has "HTTPS_PROXY" $names) -}}
{{- fail "extraEnv and proxy.https: both set HTTPS_PROXY; leave one of them out." -}}
{{- end -}}
{{- if and .Values.tracing.endpoint (has "OTEL_EXPORTER_OTLP_ENDPOINT" $names) -}}
{{- fail "extraEnv and tracing.endpoint: both set OTEL_EXPORTER_OTLP_ENDPOINT; leave one of them out." -}}
{{- end -}}
{{- if and .Values.tracing.endpoint (not (regexMatch "^https?://[^/]+" .Values.tracing.endpoint)) -}}
{{- fail "tracing.endpoint: write a URL such as http://collector.observability:4318." -}}
{{- end -}}
{{- if and (or .Values.proxy.http .Values.proxy.https) (has "NO_PROXY" $names) -}}
{{- fail "extraEnv and proxy.noProxy: both set NO_PROXY; leave one of them out." -}}
{{- end -}}
{{- end -}}
