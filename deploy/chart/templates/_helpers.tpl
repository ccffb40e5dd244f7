{{- define "podrole.name" -}}podrole-injector{{- end }}

{{- define "podrole.selector" -}}
app.kubernetes.io/name: podrole-injector
{{- end }}

{{- define "podrole.labels" -}}
{{ include "podrole.selector" . }}
{{ include "podrole.sharedLabels" . }}
{{- end }}

{{- define "podrole.sharedLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: podrole
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "podrole.controllerName" -}}podrole-controller{{- end }}

{{- define "podrole.caSecret" -}}podrole-controller-ca{{- end }}

{{/* The rights by which the controller keeps NetworkPolicies, their owner, and what holds it to its work. */}}
{{- define "podrole.controllerMetadata" -}}podrole-controller-metadata{{- end }}

{{- define "podrole.controllerSelector" -}}
app.kubernetes.io/name: podrole-controller
{{- end }}

{{- define "podrole.controllerLabels" -}}
{{ include "podrole.controllerSelector" . }}
{{ include "podrole.sharedLabels" . }}
{{- end }}

{{- define "podrole.brokerName" -}}podrole-broker{{- end }}

{{- define "podrole.brokerSelector" -}}
app.kubernetes.io/name: podrole-broker
{{- end }}

{{- define "podrole.brokerLabels" -}}
{{ include "podrole.brokerSelector" . }}
{{ include "podrole.sharedLabels" . }}
{{- end }}

{{/* Certificate and key that the broker serves with. The controller writes them. */}}
{{- define "podrole.brokerTlsSecret" -}}podrole-broker-tls{{- end }}

{{/* CAs of the broker with their keys, which the controller alone reads. */}}
{{- define "podrole.brokerCaSecret" -}}podrole-broker-ca{{- end }}

{{/* Names of the Secrets that the controller writes. */}}
{{- define "podrole.controllerSecrets" -}}
{{- $secrets := list -}}
{{- if eq .Values.tls.mode "self-managed" -}}
{{- $secrets = list .Values.tls.secretName (include "podrole.caSecret" .) -}}
{{- end -}}
{{- if .Values.broker.enabled -}}
{{- $secrets = concat $secrets (list (include "podrole.brokerTlsSecret" .) (include "podrole.brokerCaSecret" .)) -}}
{{- end -}}
{{- toJson $secrets -}}
{{- end }}

{{- define "podrole.brokerIdentityFolder" -}}/var/run/secrets/podrole.dev/aws-identity{{- end }}

{{/* The broker's variables: its own AWS identity, and who it is to the proxy on the way to STS. Of a Secret only the known keys,
since others could be NODE_OPTIONS. */}}
{{- define "podrole.brokerEnv" -}}
{{- $identity := .Values.broker.identity }}
{{- if eq $identity.type "web-identity" }}
- name: AWS_ROLE_ARN
  value: {{ $identity.roleArn | toJson }}
- name: AWS_WEB_IDENTITY_TOKEN_FILE
  value: {{ include "podrole.brokerIdentityFolder" . }}/token
{{- else if eq $identity.type "secret" }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $identity.secretName | toJson }}
      key: {{ . }}
      {{- if eq . "AWS_SESSION_TOKEN" }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- with .Values.options.stsProxySecret }}
{{- $secret := . }}
{{- range list "username" "password" }}
- name: PODROLE_STS_PROXY_{{ upper . }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret | toJson }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.broker.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "podrole.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Of every container of podrole's own pods. */}}
{{- define "podrole.containerSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Spreads the replicas whose labels are `.selector`. */}}
{{- define "podrole.topologySpread" -}}
{{- $selector := .selector }}
{{- with .root.Values.topologySpread }}
{{- $whenUnsatisfiable := .whenUnsatisfiable }}
{{- range .topologyKeys }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: {{ $whenUnsatisfiable }}
  labelSelector:
    matchLabels:
      {{- $selector | nindent 6 }}
  # Counts only replicas of one revision. Otherwise old replicas would keep new ones off their nodes during a roll-out.
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}

{{/* `.affinity`, or replicas whose labels are `.selector` prefer different nodes. */}}
{{- define "podrole.affinity" -}}
{{- if .affinity }}
{{- toYaml .affinity }}
{{- else -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- .selector | nindent 12 }}
{{- end }}
{{- end }}

{{/* Where the released images are: `registry` in package.json. */}}
{{- define "podrole.registry" -}}ghcr.io/podrole{{- end }}

{{/* Of guard and sidecar. */}}
{{- define "podrole.sidecarImage" -}}
{{ .Values.options.image | default (printf "%s/sidecar:%s" (include "podrole.registry" .) .Chart.AppVersion) }}
{{- end }}

{{/* Labelled namespaces, except those that the cluster, or podrole itself, needs to start. */}}
{{- define "podrole.namespaceSelector" -}}
matchLabels:
  podrole.dev/inject: enabled
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ concat (list "kube-system" .Release.Namespace) .Values.webhook.excludeNamespaces | uniq | toJson }}
{{- end }}

{{- define "podrole.configName" -}}podrole-config{{- end }}

{{/* Every option as text: the items of a list are joined by commas. An option that is null or an empty list is left out, so
the default applies. */}}
{{- define "podrole.settings" -}}
{{- $own := dict "image" (include "podrole.sidecarImage" .) "stsCa" (include "podrole.stsCa" .) "brokerUrl" (include "podrole.brokerUrl" .) -}}
{{- $settings := dict -}}
{{- range $name, $value := merge $own (omit .Values.options "image" "stsCa" "brokerUrl") -}}
{{- $text := kindIs "slice" $value | ternary (join "," $value) (toString $value) -}}
{{- if not (or (kindIs "invalid" $value) (eq $text "")) -}}
{{- $_ := set $settings $name $text -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{- define "podrole.brokerUrl" -}}
{{- .Values.options.brokerUrl | default (.Values.broker.enabled | ternary (printf "https://%s.%s.svc" (include "podrole.brokerName" .) .Release.Namespace) "") -}}
{{- end }}

{{/* The certificates of options.stsCa in the one form that the injector accepts: no text around them, lines of 64 characters. */}}
{{- define "podrole.stsCa" -}}
{{- range regexFindAll "-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----" (.Values.options.stsCa | default "") -1 -}}
-----BEGIN CERTIFICATE-----
{{ regexReplaceAll "-----[A-Z ]+-----|\\s" . "" | wrapWith 64 "\n" }}
-----END CERTIFICATE-----
{{ end -}}
{{- end }}

{{/* Whether the admission policies refuse what they should, also where a check itself fails; empty if not. */}}
{{- define "podrole.policyHolds" -}}
{{- with .Values.admissionPolicy -}}
{{- if and .enabled (has "Deny" .validationActions) (eq .failurePolicy "Fail") -}}yes{{- end -}}
{{- end -}}
{{- end }}

{{/* Refuses combinations of values that do not work. The schema sees only one value at a time. */}}
{{- define "podrole.checked" -}}
{{- $v := .Values -}}
{{- /* After the drain, injector/http/drain.ts gives the last requests 20 s. */ -}}
{{- if lt (int $v.terminationGracePeriodSeconds) (add 25 (int $v.drainSeconds) | int) -}}
{{- fail "terminationGracePeriodSeconds must exceed drainSeconds by 25 or more, or the kubelet ends the injector while it drains" -}}
{{- end -}}
{{- if and (eq $v.tls.mode "files") (not $v.tls.caBundle) -}}
{{- fail "tls.mode files needs tls.caBundle: without the CA the API server refuses the injector's certificate" -}}
{{- end -}}
{{- if and (ne $v.tls.mode "files") $v.tls.caBundle -}}
{{- fail "tls.caBundle is for tls.mode files: in the other modes it would undo what the injector or cert-manager has patched" -}}
{{- end -}}
{{- if and $v.options.stsEndpoint (or $v.options.stsFips $v.options.stsDualStack) -}}
{{- fail "options.stsEndpoint cannot be combined with options.stsFips or options.stsDualStack: they choose one of the region's own endpoints" -}}
{{- end -}}
{{- if and (not $v.options.stsProxy) (or $v.options.stsProxySecret $v.options.stsNoProxy) -}}
{{- fail "options.stsProxySecret and options.stsNoProxy need options.stsProxy" -}}
{{- end -}}
{{- if and (ne $v.options.imds "block") (not (and (has "169.254.169.254" $v.options.block) (has "fd00:ec2::254" $v.options.block))) -}}
{{- fail "options.imds other than block needs both metadata addresses in options.block: the node's own service answers at an address that is not blocked" -}}
{{- end -}}
{{- if and $v.metadataNetworkPolicy.labelled (or (eq $v.options.source "node") (has "node" $v.options.sourceOverride)) -}}
{{- fail "metadataNetworkPolicy.labelled cannot be combined with options.source or options.sourceOverride node: in source node the sidecar needs the metadata service, and a NetworkPolicy holds for the sidecar too" -}}
{{- end -}}
{{- range $v.metadataNetworkPolicy.namespaces -}}
{{- $held := lookup "networking.k8s.io/v1" "NetworkPolicy" . "podrole-metadata" -}}
{{- if eq (dig "metadata" "labels" "app.kubernetes.io/managed-by" "" $held) (include "podrole.controllerName" $) -}}
{{- fail (printf "metadataNetworkPolicy.namespaces: the controller has a NetworkPolicy podrole-metadata in %s. Remove the namespace from the list, or set metadataNetworkPolicy.labelled to false first" .) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.webhook.failurePolicy "Ignore") (not (include "podrole.policyHolds" .)) -}}
{{- fail "webhook.failurePolicy Ignore needs admissionPolicy with Deny and failurePolicy Fail: otherwise pods run unguarded while the injector is away" -}}
{{- end -}}
{{- if and (eq $v.options.guardContainer "sidecar") (not (include "podrole.policyHolds" .)) -}}
{{- fail "options.guardContainer sidecar needs admissionPolicy with Deny and failurePolicy Fail: exec into the sidecar's container would be root there and could remove the guard's rules" -}}
{{- end -}}
{{- if and $v.options.meshInitImages (not (include "podrole.policyHolds" .)) -}}
{{- fail "options.meshInitImages needs admissionPolicy with Deny and failurePolicy Fail: exec into a mesh's init container could remove the guard's rules" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.hostNetwork -}}
{{- fail "networkPolicy cannot be combined with hostNetwork: most network plugins apply no NetworkPolicy to pods on the node's network" -}}
{{- end -}}
{{- if eq (int $v.options.credentialsPort) (int $v.options.healthPort) -}}
{{- fail "options.credentialsPort and options.healthPort are the same" -}}
{{- end -}}
{{- with $v.options.stsCa -}}
{{- if regexMatch "-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----" . -}}
{{- fail "options.stsCa contains a private key, and every pod would carry it: remove the key" -}}
{{- end -}}
{{- if not (include "podrole.stsCa" $) -}}
{{- fail "options.stsCa contains no certificate in PEM form" -}}
{{- end -}}
{{- end -}}
{{- if and (or (eq $v.options.source "ambient") (has "ambient" $v.options.sourceOverride)) (not $v.options.ambientSecret) -}}
{{- fail "options.source or options.sourceOverride ambient needs options.ambientSecret" -}}
{{- end -}}
{{- if and (or (eq $v.options.source "broker") (has "broker" $v.options.sourceOverride)) (not $v.broker.enabled) -}}
{{- if not $v.options.brokerUrl -}}
{{- fail "options.source or options.sourceOverride broker needs broker.enabled: pods would have nobody to ask for sessions" -}}
{{- end -}}
{{- if not $v.options.brokerCa -}}
{{- fail "options.source or options.sourceOverride broker without broker.enabled needs options.brokerCa: sidecars know the broker by that CA, and no controller writes it" -}}
{{- end -}}
{{- end -}}
{{- if $v.broker.enabled -}}
{{- include "podrole.brokerChecked" . -}}
{{- end -}}
{{- end }}

{{- define "podrole.brokerChecked" -}}
{{- $broker := .Values.broker -}}
{{- $identity := $broker.identity -}}
{{- if and (eq $identity.type "web-identity") (not $identity.roleArn) -}}
{{- fail "broker.identity.type web-identity needs broker.identity.roleArn: the role that the broker is to AWS" -}}
{{- end -}}
{{- if and (ne $identity.type "web-identity") $identity.roleArn -}}
{{- fail (printf "broker.identity.roleArn is for broker.identity.type web-identity: with %s the broker would not use that role" $identity.type) -}}
{{- end -}}
{{- if and (eq $identity.type "secret") (not $identity.secretName) -}}
{{- fail "broker.identity.type secret needs broker.identity.secretName: the Secret with the broker's AWS keys" -}}
{{- end -}}
{{- if and (ne $identity.type "secret") $identity.secretName -}}
{{- fail (printf "broker.identity.secretName is for broker.identity.type secret: with %s the broker would not use those keys" $identity.type) -}}
{{- end -}}
{{- if .Values.options.brokerCa -}}
{{- fail "options.brokerCa cannot be combined with broker.enabled: the controller keeps the broker's CA and writes it into podrole-config" -}}
{{- end -}}
{{- if eq (int $broker.port) (int $broker.healthPort) -}}
{{- fail "broker.port and broker.healthPort are the same" -}}
{{- end -}}
{{- if and $broker.networkPolicy.enabled .Values.serviceMonitor.enabled (not $broker.networkPolicy.metricsFrom) -}}
{{- fail "broker.networkPolicy needs metricsFrom when serviceMonitor is enabled: Prometheus could not read the broker's metrics" -}}
{{- end -}}
{{- end }}
