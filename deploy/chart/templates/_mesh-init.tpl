{{- /*
The init containers by which service meshes redirect a pod's traffic, in CEL. injector/model/mesh-init.ts says the same for the
webhook, with the reasons. test/contract/policy-mesh-init.test.ts compares the tables of both, and test/cluster/mesh-init.test.ts
the answers.
*/ -}}

{{- define "podrole.meshInit" -}}
# By the container's name.
meshes: { istio-init: istio, linkerd-init: linkerd }
image: '^([a-z0-9-]+([.][a-z0-9-]+)+(:[0-9]+)?|[a-z0-9-]+:[0-9]+|localhost)(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$'
args:
  istio-init: '^istio-iptables -p [0-9]{1,5} -z [0-9]{1,5} -u [0-9]{1,10} -m REDIRECT -i ([*]|[0-9a-fA-F.:]+/[0-9]{1,3}(,[0-9a-fA-F.:]+/[0-9]{1,3})*)? -x ([*]|[0-9a-fA-F.:]+/[0-9]{1,3}(,[0-9a-fA-F.:]+/[0-9]{1,3})*)? -b ([*]|[0-9]{1,5}(,[0-9]{1,5})*)? -d ([*]|[0-9]{1,5}(,[0-9]{1,5})*)?( -q ([*]|[0-9]{1,5}(,[0-9]{1,5})*)?)?( -o ([*]|[0-9]{1,5}(,[0-9]{1,5})*)?)?( -c [A-Za-z0-9][A-Za-z0-9._-]*(,[A-Za-z0-9][A-Za-z0-9._-]*)*)? --log_output_level=[A-Za-z0-9:,_-]*( --log_as_json)?( --force-apply)?( --native-nftables)?$'
  linkerd-init: '^(--firewall-bin-path iptables-nft --firewall-save-bin-path iptables-nft-save )?(--ipv6=false )?--incoming-proxy-port [0-9]{1,5} --outgoing-proxy-port [0-9]{1,5} --proxy-uid [0-9]{1,10}( --proxy-gid [0-9]{1,10})? --inbound-ports-to-ignore [0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*( --outbound-ports-to-ignore [0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*)?( --log-format [a-z]+)?( --log-level [a-z]+)?( --subnets-to-ignore [0-9a-fA-F.:]+/[0-9]{1,3}(,[0-9a-fA-F.:]+/[0-9]{1,3})*)?$'
commands: { istio-init: [], linkerd-init: [/usr/lib/linkerd/linkerd2-proxy-init] }
variables: '^(ISTIO_META_[A-Z0-9_]+|AWS_[A-Z0-9_]+|ISTIO_DUAL_STACK|EXIT_ON_ZERO_ACTIVE_CONNECTIONS|MINIMUM_DRAIN_DURATION|PROXY_CONFIG_XDS_AGENT|DNS_FORWARD_TIMEOUT)$'
mounts: '^/var/run/secrets(/[a-z0-9][a-z0-9.-]*)+$'
{{- end }}

{{- define "podrole.meshInitNames" -}}
{{ include "podrole.celList" (keys (include "podrole.meshInit" . | fromYaml).meshes | sortAlpha) }}
{{- end }}

{{- /* Whether the container `c` adds what a mesh's init container needs. */ -}}
{{- define "podrole.celAddsNetwork" -}}
c.?securityContext.?capabilities.?add.orValue([]).exists(a, a in ['NET_ADMIN', 'NET_RAW'])
{{- end }}

{{- /* Whether the init container `c` is as its mesh's webhook writes it. */ -}}
{{- define "podrole.celMeshForm" -}}
{{- $form := include "podrole.meshInit" . | fromYaml -}}
has(c.args) && c.args.all(a, a.matches('^[!-~]*$')) &&
(
{{- range $i, $name := keys $form.args | sortAlpha }}
{{- if $i }} || {{ end -}}
(c.name == '{{ $name }}' && c.args.join(' ').matches('{{ index $form.args $name }}') &&
(!has(c.command){{ range index $form.commands $name }} || c.command == ['{{ . }}']{{ end }}))
{{- end }}) &&
!has(c.workingDir) && !has(c.ports) && !has(c.envFrom) && !has(c.volumeDevices) && !has(c.restartPolicy) && !has(c.restartPolicyRules) &&
!has(c.lifecycle) && !has(c.livenessProbe) && !has(c.readinessProbe) && !has(c.startupProbe) && !has(c.stdin) && !has(c.stdinOnce) &&
!has(c.tty) && c.?terminationMessagePath.orValue('/dev/termination-log') == '/dev/termination-log' &&
!c.?securityContext.?allowPrivilegeEscalation.orValue(true) &&
!c.?resources.?claims.hasValue() && [c.?resources.?requests, c.?resources.?limits].all(r,
!r.hasValue() || r.value().all(k, k in ['cpu', 'memory', 'ephemeral-storage'])) &&
c.?env.orValue([]).all(e, !has(e.valueFrom) && e.name.matches('{{ $form.variables }}')) &&
c.?volumeMounts.orValue([]).all(m, m.mountPath.matches('{{ $form.mounts }}') ||
(c.name == 'linkerd-init' && m.mountPath == '/run' && !has(m.subPath) && !has(m.subPathExpr) &&
object.spec.?volumes.orValue([]).exists(v, v.name == m.name && has(v.emptyDir)) &&
variables.others.all(o, o.name == c.name || o.?volumeMounts.orValue([]).all(n, n.name != m.name))))
{{- end }}

{{- /*
Variables: the names of meshes' init containers, and of those that may have NET_ADMIN. A pod that is running gets no init
containers any more.
*/ -}}
{{- define "podrole.celMeshInits" -}}
{{- $form := include "podrole.meshInit" . | fromYaml -}}
- name: meshInits
  expression: >-
    {{ if .creating }}variables.inits.filter(c, c.name in {{ include "podrole.meshInitNames" . | trim }}).map(c, string(c.name)){{ else }}[]{{ end }}
- name: trustedMeshInits
  expression: >-
    {{ if .creating -}}
    !variables.hasGuard || variables.onHostNetwork || variables.openUid || object.spec.?shareProcessNamespace.orValue(false) ? [] : variables.inits.filter(c, c.name in variables.meshInits &&
    (variables.mode != 'verify' || c.name != 'linkerd-init' || c.?args.orValue([]).exists(a, a == '--proxy-gid')) &&
    has(c.image) && c.image.matches('{{ $form.image }}') && variables.installations.exists(i, ({{ $form.meshes | toJson | replace "\"" "'" }}[c.name] + '=' +
    c.image.find('^[^/]+/[^:@]+') + c.image.find('@.*$')) in i.meshInitImages.split(',')) &&
    {{ include "podrole.celMeshForm" . | nindent 4 | trim }}).map(c, string(c.name))
    {{- else }}[]{{ end }}
{{- end }}
