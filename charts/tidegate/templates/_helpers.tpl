{{- define "tidegate.name" -}}
{{- contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tidegate.labels" -}}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "tidegate.name" .) }}
{{- else }}{{ required "serviceAccount.name: needed where serviceAccount.create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- /* The operator's configuration file: its own keys only, and none that is empty. */ -}}
{{- define "tidegate.configuration" -}}
{{- $prometheus := omit .Values.prometheus "secretName" }}
{{- range list "bearerTokenFile" "caFile" }}
{{- if not (get $prometheus .) }}{{ $prometheus = omit $prometheus . }}{{ end }}
{{- end -}}
prometheus:
  {{- toYaml $prometheus | nindent 2 }}
gateways: {{ toJson (.Values.gateways | default list) }}
namespaces: {{ toJson .Values.namespaces }}
runtimes:
  {{- toYaml .Values.runtimes | nindent 2 }}
workers: {{ int .Values.workers }}
resyncSeconds: {{ .Values.resyncSeconds }}
logLevel: {{ .Values.logLevel }}
metricsPort: 8080
leaderElection:
  leaseName: {{ include "tidegate.name" . }}
{{- end }}

{{- /* Exactly what the operator's client does, in the namespaces it watches. */ -}}
{{- define "tidegate.rules" -}}
- apiGroups: [tidegate.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [tidegate.dev]
  resources: [modeldeployments/status]
  verbs: [update]
- apiGroups: [apps]
  resources: [controllerrevisions, deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
