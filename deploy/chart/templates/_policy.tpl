{{- /*
Parts of the admission policies, which check in CEL what injector/mutate writes and injector/decide/hazards.ts denies.
test/cluster/admission-policy.test.ts compares both sides.
*/ -}}

{{- /* The settings that the policy reads, and their defaults. test/contract/policy-settings.test.ts compares them with
injector/config/settings.ts. The default of the image depends on the settings' version. */ -}}
{{- define "podrole.policySettings" -}}
imagePullPolicy: IfNotPresent
source: web-identity
sourceOverride: ""
guard: auto
egressHook: prefer
guardNetRaw: "false"
guardContainer: init
meshInitImages: ""
hostNetwork: deny
stsEndpoint: ""
stsFips: "false"
stsDualStack: "false"
stsCa: ""
stsProxy: ""
stsNoProxy: ""
stsProxySecret: ""
ambientSecret: ""
brokerUrl: ""
brokerCa: ""
block: 169.254.169.254,fd00:ec2::254
imds: block
imdsPort: "16927"
imdsNodePaths: ""
token: both
credentialsPort: "16925"
healthPort: "16926"
{{- end }}

{{- /* The values of those settings that are a choice. */ -}}
{{- define "podrole.policyChoices" -}}
imagePullPolicy: [Always, IfNotPresent, Never]
source: [web-identity, node, ambient, broker]
guard: [auto, block, verify, "off"]
egressHook: [prefer, require]
guardNetRaw: ["true", "false"]
guardContainer: [init, sidecar]
hostNetwork: [deny, warn]
stsFips: ["true", "false"]
stsDualStack: ["true", "false"]
imds: [block, allow-emulate, allow-emulate-v1]
token: [both, file, env]
{{- end }}

{{- /* Variables of guard and sidecar with the values that the two assume, which the injector does not write: those that the policy
compares. test/contract/policy-settings.test.ts compares them with sidecar/kit/defaults.ts. */ -}}
{{- define "podrole.assumed" -}}
- PODROLE_BLOCKED_ADDRESSES=169.254.169.254,fd00:ec2::254
- PODROLE_GUARD=block
- PODROLE_EGRESS_HOOK=require
- PODROLE_SIDECAR_PORTS=16925
- PODROLE_LISTEN_IMDS=16927
- PODROLE_IMDS_V1=denied
- PODROLE_SOURCE=web-identity
- PODROLE_LISTEN_CREDENTIALS=16925
- PODROLE_LISTEN_HEALTH=16926
{{- end }}

{{- /* Whether an endpoint's address, as the expression in `.` reads it, is blocked. Most are in Kubernetes' one spelling. The API server also
takes others in older fields: IPv6 in upper case or with zeros, numbers with any leading zeros, and IPv4 in IPv6. Those that ip() does not
read are written anew, without leading zeros, and IPv4-mapped ones in a form that it reads. What is no address then, but may be IPv6, is blocked. */ -}}
{{- define "podrole.celBlocked" -}}
({{ . }} in variables.blocked || (isIP({{ . }}) ? !ip.isCanonical({{ . }}) && string(ip({{ . }})) in variables.blocked :
[{{ . }}.lowerAscii().findAll('[0-9a-f.]+|:').map(t, t == ':' ? t : t.contains('.') ?
t.findAll('[0-9]+').map(o, o.find('0$|[1-9][0-9]*$')).join('.') : t.find('0$|[1-9a-f][0-9a-f]*$')).join('')].exists(n, isIP(n) ? string(ip(n)) in variables.blocked :
isIP(n.replace(':ffff:', ':1:', 1)) ? string(ip(n.replace(':ffff:', ':1:', 1))) in variables.mapped : n.contains(':'))))
{{- end }}

{{- /* The mode of installation `i` in this namespace, as injector/model/guard-mode.ts. The namespace's annotation goes first. */ -}}
{{- define "podrole.celMode" -}}
variables.modes[?variables.admin[?'podrole.dev/guard'].orValue(i.guard)].orValue('block')
{{- end }}

{{- /* The source of installation `i` in this namespace. The namespace's annotation goes first if `i` allows its source. */ -}}
{{- define "podrole.celSource" -}}
(variables.chosenSource != '' && variables.chosenSource in i.sourceOverride.split(',') ? variables.chosenSource : i.source)
{{- end }}

{{- /* The form of a region's name, as AWS_REGION in sidecar/contract/session.ts. */ -}}
{{- define "podrole.regionForm" -}}
^[a-z]{2,5}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$
{{- end }}

{{- /* The domains of STS's endpoints, single-stack and dual-stack, by the start of the region's name; all other regions have the
first two. test/contract/policy-sts.test.ts compares them with the AWS SDK's. */ -}}
{{- define "podrole.stsDomains" -}}
us-gov: [amazonaws.com, api.aws]
cn: [amazonaws.com.cn, api.amazonwebservices.com.cn]
eusc-de: [amazonaws.eu, api.amazonwebservices.eu]
us-iso: [c2s.ic.gov, api.aws.ic.gov]
us-isob: [sc2s.sgov.gov, api.aws.scloud]
us-isof: [csp.hci.ic.gov, api.aws.hci.ic.gov]
eu-isoe: [cloud.adc-e.uk, api.cloud-aws.adc-e.uk]
{{- end }}

{{- /* Variables about where the sidecar calls STS. */ -}}
{{- define "podrole.celStsParts" -}}
{{- $domains := include "podrole.stsDomains" . | fromYaml -}}
- name: stsRegion
  expression: >-
    !variables.hasSidecar ? '' : variables.sidecars[0].?env.orValue([]).filter(e, e.name == 'PODROLE_REGION').map(e,
    e.?value.orValue('')).join(',')
- name: stsDomains
  expression: >-
    !variables.stsRegion.matches('^({{ keys $domains | sortAlpha | join "|" }})-[a-z]+-[0-9]+$') ? ['amazonaws.com', 'api.aws'] :
    {{- range $start, $both := omit $domains "us-gov" }}
    variables.stsRegion.startsWith('{{ $start }}-') ? ['{{ join "', '" $both }}'] :
    {{- end }}
    ['{{ join "', '" (index $domains "us-gov") }}']
{{- end }}

{{- /* Where installation `i` lets sidecars call STS, as injector/config/sts-endpoint.ts. The variable's value is its own literal:
neither an endpoint nor PEM nor an address has a dollar sign, which the kubelet reads in another way. */ -}}
{{- define "podrole.celStsEndpoint" -}}
(i.stsEndpoint != '' ? i.stsEndpoint : 'https://' +
(i.stsFips == 'true' && (i.stsDualStack == 'true' || !variables.stsRegion.matches('^us-gov-[a-z]+-[0-9]+$')) ? 'sts-fips.' : 'sts.') +
variables.stsRegion + '.' + variables.stsDomains[i.stsDualStack == 'true' ? 1 : 0])
{{- end }}

{{- /* The sidecar's variables about the proxy on the way to STS in installation `i`, as injector/config/sts-proxy.ts. Only an
endpoint by IPv6 address has a colon in its host, and no exemption names it. */ -}}
{{- define "podrole.celStsProxy" -}}
(i.stsProxy == '' || [{{ include "podrole.celStsEndpoint" . | trim }}.replace('https://', '').replace('http://', '').split(':')[0]].exists(h,
i.stsNoProxy.split(',').exists(n, n == h || (n.startsWith('.') && h.endsWith(n)))) ? [] : ['PODROLE_STS_PROXY=' + i.stsProxy] +
(i.stsProxySecret == '' ? [] : ['PODROLE_STS_PROXY_USERNAME@' + i.stsProxySecret + '/username',
'PODROLE_STS_PROXY_PASSWORD@' + i.stsProxySecret + '/password']))
{{- end }}

{{- /* Variables: what guard and sidecar have mostly, and the least that they may have, as OWN_RESOURCES and FLOORS in
injector/model/own-resources.ts. The sidecar's hold for both in one container too. */ -}}
{{- define "podrole.celFloors" -}}
- name: usual
  expression: >-
    {'podrole-guard': {'requests': {'cpu': '10m', 'memory': '20Mi'}, 'limits': {'cpu': '1', 'memory': '64Mi'}},
    'podrole-sidecar': {'requests': {'cpu': '10m', 'memory': '20Mi'}, 'limits': {'cpu': '1', 'memory': '96Mi'}}}
- name: floors
  expression: >-
    {'podrole-guard': {'requests.cpu': '1m', 'requests.memory': '16Mi', 'limits.cpu': '50m', 'limits.memory': '32Mi'},
    'podrole-sidecar': {'requests.cpu': '1m', 'requests.memory': '16Mi', 'limits.cpu': '50m', 'limits.memory': '48Mi'}}
{{- end }}

{{- /* Whether the quantity `has` of container `c` is enough at `place`. */ -}}
{{- define "podrole.celEnough" -}}
!quantity({{ .has }}).isLessThan(quantity(variables.floors[c.name][{{ .place }}]))
{{- end }}

{{- /* Whether the pod requests resource `r` as a whole. The scheduler and the kubelet then go by that. */ -}}
{{- define "podrole.celPodRequest" -}}
(has(object.spec.resources) && has(object.spec.resources.requests) && r in object.spec.resources.requests)
{{- end }}

{{- /* Whether the pod's own limit of resource `r`, if it has one, leaves guard and sidecar what they need. */ -}}
{{- define "podrole.celPodLimit" -}}
!object.spec.?resources.?limits[?r].hasValue() || variables.inits.filter(c, c.name in variables.floors).all(c,
!quantity(object.spec.resources.limits[r]).isLessThan(quantity(variables.floors[c.name]['limits.' + r])))
{{- end }}

{{- /* What guard and sidecar have in common in every installation. The API server leaves out what is empty, so has() is enough, and
costs less than a default. Not compared is what LimitRanger, autoscalers and
AlwaysPullImages may change: resizePolicy, imagePullPolicy, procMount Default. How much CPU and memory they have is a rule of its
own. */ -}}
{{- define "podrole.celOurs" -}}
has({{ .var }}.terminationMessagePath) && {{ .var }}.terminationMessagePath == '/dev/termination-log' &&
has({{ .var }}.terminationMessagePolicy) && {{ .var }}.terminationMessagePolicy == 'FallbackToLogsOnError' &&
!has({{ .var }}.args) && !has({{ .var }}.workingDir) && !has({{ .var }}.ports) && !has({{ .var }}.envFrom) && !has({{ .var }}.volumeDevices) &&
has({{ .var }}.volumeMounts) && {{ .var }}.volumeMounts.exists(m, {{ include "podrole.celNoApiToken" . }}) &&
has({{ .var }}.resources) && !has({{ .var }}.resources.claims) &&
(!has({{ .var }}.resources.requests) || {{ .var }}.resources.requests.all(k, k in ['cpu', 'memory', 'ephemeral-storage'])) &&
(!has({{ .var }}.resources.limits) || {{ .var }}.resources.limits.all(k, k in ['cpu', 'memory', 'ephemeral-storage'])) &&
!has({{ .var }}.restartPolicyRules) &&
!has({{ .var }}.livenessProbe) && !has({{ .var }}.readinessProbe) && !has({{ .var }}.startupProbe) &&
!has({{ .var }}.stdin) && !has({{ .var }}.stdinOnce) && !has({{ .var }}.tty) && has({{ .var }}.securityContext) &&
has({{ .var }}.securityContext.privileged) && !{{ .var }}.securityContext.privileged &&
has({{ .var }}.securityContext.allowPrivilegeEscalation) && !{{ .var }}.securityContext.allowPrivilegeEscalation &&
has({{ .var }}.securityContext.readOnlyRootFilesystem) && {{ .var }}.securityContext.readOnlyRootFilesystem &&
has({{ .var }}.securityContext.capabilities) && has({{ .var }}.securityContext.capabilities.drop) &&
{{ .var }}.securityContext.capabilities.drop == ['ALL'] &&
has({{ .var }}.securityContext.seccompProfile) && {{ .var }}.securityContext.seccompProfile.type == 'RuntimeDefault' &&
(!has({{ .var }}.securityContext.procMount) || {{ .var }}.securityContext.procMount == 'Default') &&
!has({{ .var }}.securityContext.seLinuxOptions) && !has({{ .var }}.securityContext.windowsOptions) &&
!has({{ .var }}.securityContext.appArmorProfile)
{{- end }}

{{- /* Whether mount `m` is the empty volume in the place of the token for the Kubernetes API, which the ServiceAccount plugin mounts
into every container that has no mount there. */ -}}
{{- define "podrole.celNoApiToken" -}}
m.name == 'podrole-no-api-token' && m.mountPath == '/var/run/secrets/kubernetes.io/serviceaccount' &&
{{ include "podrole.celWhole" . }}
{{- end }}

{{- /* Whether mount `m` is a whole volume, read-only. */ -}}
{{- define "podrole.celWhole" -}}
has(m.readOnly) && m.readOnly && !has(m.subPath) && !has(m.subPathExpr) && (!has(m.mountPropagation) || m.mountPropagation == 'None')
{{- end }}

{{- /* Whether volume `v` is that one. The API server writes an empty list of sources as null. */ -}}
{{- define "podrole.celEmptyVolume" -}}
v.name == 'podrole-no-api-token' && has(v.projected) && (v.projected.?sources.orValue(null) == null || v.projected.sources.size() == 0)
{{- end }}

{{- /* Whether volume `v` is projected from one source. Of null, size() is an error, which tells nobody what is wrong with the pod. */ -}}
{{- define "podrole.celOneSource" -}}
v.?projected.?sources.orValue(null) != null && v.projected.sources.size() == 1
{{- end }}

{{- /* An entry of `env` as one string: NAME=value, NAME<path of the pod>, NAME@Secret/key. */ -}}
{{- define "podrole.celEnv" -}}
e.name + (has(e.valueFrom) ? (has(e.valueFrom.fieldRef) ? '<' + e.valueFrom.fieldRef.fieldPath :
has(e.valueFrom.secretKeyRef) ? '@' + e.valueFrom.secretKeyRef.?name.orValue('') + '/' + e.valueFrom.secretKeyRef.key : '?') :
'=' + e.?value.orValue(''))
{{- end }}

{{- /* Image and pull policy of installation `i`. The AlwaysPullImages plugin writes Always. */ -}}
{{- define "podrole.celImage" -}}
{{ .var }}.?image.orValue('') == i.image && {{ .var }}.?imagePullPolicy.orValue('') in [i.imagePullPolicy, 'Always']
{{- end }}

{{- /* Whether `gid` is a group that podrole gives the uid `uid`: its number, or the group of a mesh's proxy, which the
mesh's redirect leaves alone (injector/decide/mesh.ts). Istio's is 1337 unless its container names another; Linkerd's is told by
an annotation. */ -}}
{{- define "podrole.celGid" -}}
({{ .gid }} == {{ .uid }} || ({{ .gid }} > 0 && ({{ .gid }} == 1337 ||
variables.annotations[?'config.linkerd.io/proxy-gid'].orValue('') == string({{ .gid }}) ||
(variables.inits + object.spec.containers).exists(c, c.name == 'istio-proxy' &&
c.?securityContext.?runAsGroup.orValue(-1) == {{ .gid }}))))
{{- end }}

{{- /*
The installations among those whose keys in the ConfigMap begin with one of `.`. Settings without a version, or with a value that they
cannot have, describe no installation.
*/ -}}
{{- define "podrole.celDescribed" -}}
[variables.data].map(d, {{ . }}.filter(p, (p + 'version') in d).map(p, {
'image': d[?(p + 'image')].orValue('{{ include "podrole.registry" . }}/sidecar:' + d[p + 'version'])
{{- range $name, $default := include "podrole.policySettings" . | fromYaml }},
'{{ $name }}': d[?(p + '{{ $name }}')].orValue('{{ $default }}')
{{- end }}
}))[0].filter(i, i.image != '' && i.block != '' &&
[i.credentialsPort, i.healthPort, i.imdsPort].all(p, p.matches('^[1-9][0-9]{0,4}$')) &&
{{- range $name, $choices := include "podrole.policyChoices" . | fromYaml }}
i.{{ $name }} in ['{{ join "', '" $choices }}'] &&
{{- end }}
(i.sourceOverride == '' || i.sourceOverride.split(',').all(s, s in ['web-identity', 'node', 'ambient', 'broker'])))
{{- end }}

{{- /* Whether the guard is as installation `i` writes it; that its fields which are the same in every installation are as podrole writes
them is a rule of its own. */ -}}
{{- define "podrole.celByGuard" -}}
{{ include "podrole.celMode" . }} == variables.mode && (variables.mode == 'off' || (variables.guardIsFirst &&
{{ include "podrole.celImage" (dict "var" "variables.guards[0]") }} && (variables.mode == 'verify' ?
!(variables.hasSidecar && {{ include "podrole.celSource" . }} == 'node') && !(variables.emulated && i.imds != 'block') &&
variables.guardEnv == ['PODROLE_BLOCKED_ADDRESSES=' + i.block].filter(e, !(e in variables.assumed)) :
variables.guards[0].?securityContext.?capabilities.?add.orValue([]) ==
(i.guardNetRaw == 'true' ? ['NET_ADMIN', 'NET_RAW'] : ['NET_ADMIN']) + (variables.together ? ['SETUID', 'SETGID'] : []) &&
(!variables.together || i.guardContainer == 'sidecar') &&
variables.guardEnv == (
(variables.hasSidecar && {{ include "podrole.celSource" . }} == 'node' ? ['PODROLE_OPEN_UID=' + string(variables.sidecarUid)] : []) +
(variables.hasSidecar ? ['PODROLE_SIDECAR_UID=' + string(variables.sidecarUid), 'PODROLE_SIDECAR_PORTS=' + i.credentialsPort +
(variables.emulated && i.imds != 'block' ? ',' + i.imdsPort : '')] : []) +
['PODROLE_BLOCKED_ADDRESSES=' + i.block, 'PODROLE_EGRESS_HOOK=' + i.egressHook] +
(variables.emulated && i.imds != 'block' ? ['PODROLE_IMDS=emulate', 'PODROLE_LISTEN_IMDS=' + i.imdsPort] : []) +
['PODROLE_POD_IP<status.podIP', 'PODROLE_HOST_IP<status.hostIP'] + (variables.together && variables.sidecarGid !=
variables.sidecarUid ? ['PODROLE_SIDECAR_GID=' + string(variables.sidecarGid)] : [])).filter(e, !(e in variables.assumed)))))
{{- end }}

{{- /* Whether the sidecar has the image of `i`. */ -}}
{{- define "podrole.celBySidecarImage" -}}
(!variables.hasSidecar || {{ include "podrole.celImage" (dict "var" "variables.sidecars[0]") }})
{{- end }}

{{- /* The sidecar's variables about whom it asks for sessions in installation `i`: in source broker the broker, else STS. A broker
without a CA matches no sidecar. */ -}}
{{- define "podrole.celAsks" -}}
(variables.source == 'broker' ? (i.brokerUrl == '' || i.brokerCa == '' ? ['nobody'] :
['PODROLE_BROKER_URL=' + i.brokerUrl, 'PODROLE_BROKER_CA=' + i.brokerCa]) :
['PODROLE_STS_ENDPOINT=' + {{ include "podrole.celStsEndpoint" . }}] +
{{ include "podrole.celStsProxy" . }} +
(i.stsCa != '' ? ['PODROLE_STS_CA=' + i.stsCa] : []))
{{- end }}

{{- /* Whether the sidecar has the environment that `i` writes, and tokens are delivered as `i` does. */ -}}
{{- define "podrole.celBySidecar" -}}
(!variables.hasSidecar || variables.sidecarEnv == (['PODROLE_SOURCE=' + {{ include "podrole.celSource" . }}] +
{{ include "podrole.celAsks" . }} +
['PODROLE_LISTEN_CREDENTIALS=' + i.credentialsPort, 'PODROLE_LISTEN_HEALTH=' + i.healthPort] +
({{ include "podrole.celSource" . }} == 'ambient' ? ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'].map(k,
k + '@' + i.ambientSecret + '/' + k) : []) +
(variables.together ? [] : ['PODROLE_BLOCKED_ADDRESSES=' + (variables.hasGuard ? i.block : 'none')] +
(variables.hasGuard ? ['PODROLE_GUARD=' + variables.mode] : [])) +
(variables.emulated && i.imds != 'block' ?
(variables.together ? [] : ['PODROLE_IMDS=emulate', 'PODROLE_LISTEN_IMDS=' + i.imdsPort]) +
['PODROLE_IMDS_V1=' + (variables.tokenless && i.imds == 'allow-emulate-v1' ? 'allowed' : 'denied')] +
(variables.source == 'node' && i.imdsNodePaths != '' ? ['PODROLE_IMDS_NODE_PATHS=' + i.imdsNodePaths] : []) : [])).filter(e, !(e in variables.assumed)) &&
{{ include "podrole.celTokenMode" . }})
{{- end }}

{{- /* Whether nothing but a Windows node can run the pod, as asksForWindows in injector/decide/pod-kinds.ts. */ -}}
{{- define "podrole.celWindows" -}}
{{- $labels := "['kubernetes.io/os', 'beta.kubernetes.io/os']" -}}
{{- $required := "requiredDuringSchedulingIgnoredDuringExecution" -}}
(has(object.spec.os) && has(object.spec.os.name) ? object.spec.os.name == 'windows' :
(has(object.spec.nodeSelector) && {{ $labels }}.exists(l, l in object.spec.nodeSelector && object.spec.nodeSelector[l] == 'windows')) ||
(has(object.spec.affinity) && has(object.spec.affinity.nodeAffinity) && has(object.spec.affinity.nodeAffinity.{{ $required }}) &&
object.spec.affinity.nodeAffinity.{{ $required }}.nodeSelectorTerms.size() > 0 &&
object.spec.affinity.nodeAffinity.{{ $required }}.nodeSelectorTerms.all(t, has(t.matchExpressions) &&
t.matchExpressions.exists(m, m.key in {{ $labels }} && m.operator == 'In' && has(m.values) && m.values.size() > 0 &&
m.values.all(v, v == 'windows')))))
{{- end }}

{{- /* Variables about guard and sidecar. */ -}}
{{- define "podrole.celParts" -}}
- name: inits
  expression: "has(object.spec.initContainers) ? object.spec.initContainers : []"
- name: sidecars
  expression: variables.inits.filter(c, c.name == 'podrole-sidecar')
# Guard and sidecar are one container (the setting guardContainer).
- name: together
  expression: variables.sidecars.exists(s, s.?command.orValue([]) == ['podrole-sidecar', 'guard-and-serve'])
- name: guards
  expression: "variables.inits.filter(c, c.name == 'podrole-guard') + (variables.together ? variables.sidecars : [])"
- name: hasGuard
  expression: variables.guards.size() > 0
# Of the guard, by its command.
- name: mode
  expression: >-
    !variables.hasGuard ? 'off' : variables.guards[0].?command.orValue([]) == ['podrole-sidecar', 'verify'] ? 'verify' : 'block'
- name: hasSidecar
  expression: variables.sidecars.size() > 0
# From the sidecar's environment, which is compared with the settings when the pod is created.
- name: source
  expression: >-
    !variables.hasSidecar ? '' : !variables.sidecars[0].?env.orValue([]).exists(e, e.name == 'PODROLE_SOURCE') ? 'web-identity' :
    variables.sidecars[0].env.filter(e, e.name == 'PODROLE_SOURCE').map(e, e.?value.orValue('')).join(',')
# Each pod's sidecar has a uid of its own. As guard and sidecar in one it starts as root, and a variable names that uid.
- name: sidecarUid
  expression: >-
    !variables.hasSidecar ? -1 : !variables.together ? variables.sidecars[0].?securityContext.?runAsUser.orValue(-1) :
    (variables.sidecars[0].?env.orValue([]).filter(e, e.name == 'PODROLE_SIDECAR_UID' &&
    e.?value.orValue('').matches('^[1-9][0-9]{4}$')).map(e, int(e.value)) + [-1])[0]
# Its number is the sidecar's group, too, except in a service mesh.
- name: sidecarGid
  expression: >-
    !variables.hasSidecar ? -1 : !variables.together ? variables.sidecars[0].?securityContext.?runAsGroup.orValue(-1) :
    (variables.sidecars[0].?env.orValue([]).filter(e, e.name == 'PODROLE_SIDECAR_GID' &&
    e.?value.orValue('').matches('^[1-9][0-9]{0,9}$')).map(e, int(e.value)) + [variables.sidecarUid])[0]
# In source node the guard lets the sidecar's uid through, so no other container may run as it.
- name: openUid
  expression: >-
    variables.inits.exists(c, c.name in ['podrole-guard', 'podrole-sidecar'] && has(c.env) && c.env.exists(e, e.name == 'PODROLE_OPEN_UID'))
{{ include "podrole.celTokenParts" . }}
{{- end }}

{{- /* Whether the container `c` of a user takes a name of podrole's. */ -}}
{{- define "podrole.celTakesName" -}}
c.name.startsWith('podrole-') || (has(c.volumeMounts) && c.volumeMounts.exists(m, m.name.startsWith('podrole-') &&
!({{ include "podrole.celOwnToken" . }})))
{{- end }}

{{- /* What else it may not do, one condition each. Level baseline, which lets containers add these, refuses every other spelling. */ -}}
{{- define "podrole.celSwitchesUid" -}}
has(c.securityContext) && has(c.securityContext.capabilities) && has(c.securityContext.capabilities.add) &&
c.securityContext.capabilities.add.exists(a, a in ['SETUID', 'SETGID'])
{{- end }}

{{- /* Compared exactly: containerd turns CAP_NET_RAW into CAP_CAP_NET_RAW and then drops nothing. Without a guard it may be added,
and a trusted init container of a mesh needs it. */ -}}
{{- define "podrole.celKeepsCapability" -}}
(!(has(c.securityContext) && has(c.securityContext.capabilities) &&
has(c.securityContext.capabilities.drop) && ('ALL' in c.securityContext.capabilities.drop ||
('NET_RAW' in c.securityContext.capabilities.drop && (!variables.openUid ||
['SETUID', 'SETGID'].all(need, need in c.securityContext.capabilities.drop))))) &&
!(c.name in variables.trustedMeshInits) &&
(variables.hasGuard || !('NET_RAW' in c.?securityContext.?capabilities.?add.orValue([]))))
{{- end }}

{{- define "podrole.celUid" -}}
(has(c.securityContext) && has(c.securityContext.runAsUser) ? c.securityContext.runAsUser : variables.podUid)
{{- end }}

{{- define "podrole.celEscalates" -}}
!(has(c.securityContext) && has(c.securityContext.allowPrivilegeEscalation) && !c.securityContext.allowPrivilegeEscalation)
{{- end }}

{{- /*
Variable: whether the user's containers and the pod are harmless at first sight, as most are; else the rules look at each. It costs
little, since it takes few other variables. No sidecar has a uid below 40000.
*/ -}}
{{- define "podrole.celClean" -}}
- name: podUid
  expression: object.spec.?securityContext.?runAsUser.orValue(-1)
- name: clean
  expression: >-
    !variables.openUid && variables.others.all(c, has(c.securityContext) && has(c.securityContext.capabilities) &&
    has(c.securityContext.capabilities.drop) && ('ALL' in c.securityContext.capabilities.drop || 'NET_RAW' in c.securityContext.capabilities.drop) &&
    {{ include "podrole.celUid" . }} < 40000 && !({{ include "podrole.celSuspect" . | nindent 4 | trim }})) &&
    (!has(object.spec.volumes) || object.spec.volumes.all(v, !has(v.hostPath)))
    {{- if .creating }} && !({{ include "podrole.celSuspectPod" . | nindent 4 | trim }}) &&
    !variables.annotations.exists(k, {{ include "podrole.celSuspectKey" . }}){{ end }}
{{- end }}

{{- /* Variables about the user's containers, listed in `others`. */ -}}
{{- define "podrole.celContainers" -}}
- name: offenders
  expression: >-
    !variables.judged ? [] : variables.others.filter(c,
    {{ include "podrole.celKeepsCapability" . | nindent 4 | trim }} ||
    (variables.hasSidecar && {{ include "podrole.celUid" . }} == variables.sidecarUid) ||
    (variables.openUid && (({{ include "podrole.celSwitchesUid" . | nindent 4 | trim }}) ||
    {{ include "podrole.celUid" . }} == -1 || {{ include "podrole.celEscalates" . }})))
# The sentences for the rules that are broken, of which the first is said; empty if there is none.
- name: brokenByContainers
  expression: >-
    variables.clean || variables.offenders.size() == 0 ? '' : (
    [variables.offenders.filter(c, variables.openUid && {{ include "podrole.celSwitchesUid" . | nindent 4 | trim }}).map(c, string(c.name))].filter(names,
    names.size() > 0).map(names,
    '[CAPABILITY_FORBIDDEN] Source node lets the sidecar\'s uid past the guard, and these add SETUID or SETGID: ' +
    names.join(', ') + '. Remove it from securityContext.capabilities.add.') +
    [variables.offenders.filter(c, {{ include "podrole.celKeepsCapability" . | nindent 4 | trim }}).map(c, string(c.name))].filter(names,
    names.size() > 0).map(names,
    '[CAPABILITY_FORBIDDEN] ' + (variables.openUid ? 'NET_RAW, SETUID and SETGID are' : 'NET_RAW is') + ' not dropped by: ' +
    names.join(', ') + '. Write it, without CAP_, into securityContext.capabilities.drop; the injector does so by itself.') +
    [variables.offenders.filter(c, variables.hasSidecar && {{ include "podrole.celUid" . }} == variables.sidecarUid).map(c, string(c.name))].filter(names,
    names.size() > 0).map(names,
    '[SIDECAR_UID] These run as the uid of the pod\'s sidecar: ' + names.join(', ') + '. Set another runAsUser.') +
    [variables.offenders.filter(c, {{ include "podrole.celUid" . }} == -1).map(c, string(c.name))].filter(names, names.size() > 0).map(names,
    '[UID_UNKNOWN] Source node lets the sidecar\'s uid past the guard, and these set no uid of their own: ' +
    names.join(', ') + '. Set securityContext.runAsUser.') +
    [variables.offenders.map(c, string(c.name))].map(names,
    '[PRIVILEGE_ESCALATION] Source node lets the sidecar\'s uid past the guard, and these allow privilege escalation: ' +
    names.join(', ') + '. Set allowPrivilegeEscalation to false.'))[0]
{{- end }}

{{- /*
Validations of the user's containers. The API server works every messageExpression out for every pod, admitted ones too, anew and
without what the validations have worked out. So there are two of them for nearly all rules, and each costs little if no rule is broken.
*/ -}}
{{- define "podrole.celUserRules" -}}
- expression: "!variables.judged || variables.others.all(c, !({{ include "podrole.celTakesName" . | nindent 4 | trim }}))"
  message: "[RESERVED_NAME] A container uses a name that is reserved for podrole, or mounts its volume. Rename the container, or remove the mount."
- expression: variables.brokenLevel == ''
  messageExpression: variables.brokenLevel
- expression: variables.brokenByContainers == ''
  messageExpression: variables.brokenByContainers
{{- end }}
