{{/* The name of the application, a label value. */}}
{{- define "acs-chat-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The prefix of all names. The longest name of which Kubernetes allows 63 characters is that of the Service, with
a suffix of 27.
*/}}
{{- define "acs-chat-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 36 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of the Deployment and of what belongs to it. */}}
{{- define "acs-chat-operator.manager" -}}
{{- include "acs-chat-operator.fullname" . -}}-controller-manager
{{- end -}}

{{- define "acs-chat-operator.serviceAccountName" -}}
{{- default (include "acs-chat-operator.manager" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* The labels of the pods that select them. They never change. */}}
{{- define "acs-chat-operator.selectorLabels" -}}
app.kubernetes.io/component: manager
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: {{ include "acs-chat-operator.name" . }}
{{- end -}}

{{/*
Labels of an object. The argument is a list of the context, and of maps with more labels. Those of the chart win
over these, and these over commonLabels.
*/}}
{{- define "acs-chat-operator.labelsWith" -}}
{{- $context := first . -}}
{{- $labels := dict
      "app.kubernetes.io/instance" $context.Release.Name
      "app.kubernetes.io/managed-by" $context.Release.Service
      "app.kubernetes.io/name" (include "acs-chat-operator.name" $context)
      "app.kubernetes.io/version" $context.Chart.AppVersion
      "helm.sh/chart" (printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
{{- range rest . }}{{ $labels = merge $labels . }}{{ end -}}
{{- toYaml (merge $labels $context.Values.commonLabels) -}}
{{- end -}}

{{- define "acs-chat-operator.labels" -}}
{{- include "acs-chat-operator.labelsWith" (list .) -}}
{{- end -}}

{{/* Labels of an object that belongs to the pods. */}}
{{- define "acs-chat-operator.managerLabels" -}}
{{- include "acs-chat-operator.labelsWith" (list . (dict "app.kubernetes.io/component" "manager")) -}}
{{- end -}}

{{- define "acs-chat-operator.image" -}}
{{- $image := .Values.image -}}
{{- $name := printf "%s/%s" $image.registry $image.repository -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}
{{- /* The image of a release, as name@digest. Values must not carry it over to the next release. */ -}}
{{- $released := index .Chart.Annotations "chat.acs-operator.io/image" | default "" | splitn "@" 2 -}}
{{- if $image.digest }}@{{ $image.digest }}
{{- else if and (not $image.tag) (eq $name $released._0) }}@{{ $released._1 }}
{{- end -}}
{{- end -}}

{{/*
The following four answer yes or nothing. Each is about a value that has no default, because the default depends
on another value.
*/}}
{{- define "acs-chat-operator.isMetricsSecure" -}}
{{- if ternary (not .Values.namespaced) .Values.metrics.secure (kindIs "invalid" .Values.metrics.secure) }}yes{{ end -}}
{{- end -}}

{{- define "acs-chat-operator.hasPDB" -}}
{{- if ternary (gt (int .Values.replicas) 1) .Values.pdb.enabled (kindIs "invalid" .Values.pdb.enabled) }}yes{{ end -}}
{{- end -}}

{{- define "acs-chat-operator.hasUserRoles" -}}
{{- $aggregate := ternary (not .Values.namespaced) .Values.rbac.aggregate (kindIs "invalid" .Values.rbac.aggregate) -}}
{{- if and .Values.rbac.create $aggregate }}yes{{ end -}}
{{- end -}}

{{/* Only clients of https are authenticated, which takes permissions for the cluster. */}}
{{- define "acs-chat-operator.authenticatesMetrics" -}}
{{- if and .Values.metrics.enabled (include "acs-chat-operator.isMetricsSecure" .) }}yes{{ end -}}
{{- end -}}

{{/* The name of the port of the Service. */}}
{{- define "acs-chat-operator.metricsScheme" -}}
{{- ternary "https" "http" (eq (include "acs-chat-operator.isMetricsSecure" .) "yes") -}}
{{- end -}}

{{/* The namespaces with a Role, as a JSON list. */}}
{{- define "acs-chat-operator.servedNamespaces" -}}
{{- default (list .Release.Namespace) .Values.watchNamespaces | toJson -}}
{{- end -}}

{{/*
The name of the Lease. The name in the operator is that of a release with the name of the chart; another release
in the same namespace must not wait for that one.
*/}}
{{- define "acs-chat-operator.leaseName" -}}
{{- default (printf "%s.chat.acs-operator.io" (include "acs-chat-operator.fullname" .)) .Values.leaderElection.id -}}
{{- end -}}
