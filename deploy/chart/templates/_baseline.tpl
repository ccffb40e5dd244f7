{{- /*
Pod Security level `baseline` in CEL, for the admission policies. It holds for every container of a guarded pod but podrole's own two,
which are compared with what podrole writes: for the guard's sake the namespace is at level `privileged`.
The lists are in _baseline-lists.tpl. injector/decide/baseline/ is the same for the webhook. test/contract/policy-baseline.test.ts compares the tables of both, and
test/cluster/pod-security.test.ts the answers of both with those of the API server's own Pod Security.
*/ -}}

{{- define "podrole.celList" -}}
['{{ join "', '" . }}']
{{- end }}

{{- /* Whether folder `p` is one of these, lies in one or holds one. Both have a slash at the end. */ -}}
{{- define "podrole.celOverlaps" -}}
[{{- range $i, $path := . }}{{ if $i }}, {{ end }}'{{ $path }}/'{{ end -}}].exists(n, p.startsWith(n) || n.startsWith(p))
{{- end }}

{{- /*
The controls, by the names that podrole.dev/exempt and the reference give them. `container` is true for a container `c` that breaks the
rule; `pod` is true for a pod's spec `c` that does, and is judged when the pod is created. The rest of the pod has not changed when an
ephemeral container comes. With `forSidecar` the rule also protects a sidecar without a guard.
*/ -}}
{{- define "podrole.baselineControls" -}}
{{- $lists := include "podrole.baselineLists" . | fromYaml -}}
privileged:
  code: PRIVILEGED
  forSidecar: true
  container: c.?securityContext.?privileged.orValue(false)
  message: "These are privileged: %s. Set privileged to false."
# Compared exactly, as Kubernetes does: what a container runtime makes of another spelling differs.
capabilities:
  code: CAPABILITY_FORBIDDEN
  forSidecar: true
  container: >-
    c.?securityContext.?capabilities.?add.orValue([]).exists(a, !(a in {{ include "podrole.celList" $lists.capabilities }}) &&
    !(a in ['NET_ADMIN', 'NET_RAW'] && c.name in variables.meshInits) &&
    (variables.baseline || !(a in {{ include "podrole.celList" $lists.capabilitiesWithoutGuard }})) &&
    !(a in {{ include "podrole.celList" $lists.exemptibleCapabilities }} && ('capabilities=' + a) in variables.exempt))
  message: "These add a capability that level baseline does not allow: %s. Remove it from securityContext.capabilities.add, or write it as Kubernetes does: CHOWN."
meshInit:
  code: MESH_INIT
  container: c.name in variables.meshInits && !(c.name in variables.trustedMeshInits) && {{ include "podrole.celAddsNetwork" . }}
  message: "These init containers of a service mesh could remove the guard: %s. Install the mesh's CNI plugin, or ask a cluster admin to trust the mesh's own image, with the setting meshInitImages."
hostNamespaces:
  code: HOST_NAMESPACE
  forSidecar: true
  pod: c.?hostPID.orValue(false) || c.?hostIPC.orValue(false)
  message: "A namespace of the node shows every pod's processes: %s sets hostPID or hostIPC. Remove it."
hostPorts:
  code: HOST_PORT
  container: c.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0) && !object.spec.?hostNetwork.orValue(false) && !('hostPorts' in variables.exempt)
  message: "These take a port of the node: %s. Remove hostPort, and use a Service."
hostProbes:
  code: PROBE_HOST
  container: >-
    [c.?livenessProbe, c.?readinessProbe, c.?startupProbe].exists(p,
    p.?httpGet.?host.orValue('') != '' || p.?tcpSocket.?host.orValue('') != '') ||
    [c.?lifecycle.?postStart, c.?lifecycle.?preStop].exists(h,
    h.?httpGet.?host.orValue('') != '' || h.?tcpSocket.?host.orValue('') != '')
  message: "These have a probe or hook that makes the kubelet connect to another host: %s. Remove host, so that it connects to the pod."
procMount:
  code: PRIVILEGED
  forSidecar: true
  container: c.?securityContext.?procMount.orValue('Default') != 'Default' && object.spec.?hostUsers.orValue(true)
  message: "These unmask /proc: %s. Set procMount to Default, or hostUsers to false."
seccomp:
  code: SECCOMP_FORBIDDEN
  container: &seccomp >-
    c.?securityContext.?seccompProfile.hasValue() && !('seccomp' in variables.exempt) &&
    !(c.securityContext.seccompProfile.?type.orValue('') in {{ include "podrole.celList" $lists.profiles }})
  pod: *seccomp
  # Read by API servers before 1.27.
  annotation: >-
    (k == 'seccomp.security.alpha.kubernetes.io/pod' || k.startsWith('container.seccomp.security.alpha.kubernetes.io/')) &&
    !variables.annotations[k].matches('^((runtime|docker)/default$|localhost/)') && !('seccomp' in variables.exempt)
  message: "These run without a seccomp profile: %s. Set seccompProfile.type to RuntimeDefault."
appArmor:
  code: APPARMOR_FORBIDDEN
  container: &appArmor >-
    c.?securityContext.?appArmorProfile.hasValue() && !('appArmor' in variables.exempt) &&
    !(c.securityContext.appArmorProfile.?type.orValue('') in {{ include "podrole.celList" $lists.profiles }})
  pod: *appArmor
  # Read by API servers before 1.30, and copied into the fields by later ones.
  annotation: >-
    k.startsWith('container.apparmor.security.beta.kubernetes.io/') &&
    !variables.annotations[k].matches('^($|runtime/default$|localhost/)') && !('appArmor' in variables.exempt)
  message: "These run without an AppArmor profile: %s. Set appArmorProfile.type to RuntimeDefault."
seLinux:
  code: SELINUX_FORBIDDEN
  container: &seLinux >-
    c.?securityContext.?seLinuxOptions.hasValue() && !('seLinux' in variables.exempt) &&
    (!(c.securityContext.seLinuxOptions.?type.orValue('') in {{ include "podrole.celList" $lists.seLinuxTypes }}) ||
    c.securityContext.seLinuxOptions.?user.orValue('') != '' || c.securityContext.seLinuxOptions.?role.orValue('') != '')
  pod: *seLinux
  message: "These set a SELinux type of another program, or a user or role: %s. Remove it from seLinuxOptions."
sysctls:
  code: SYSCTL_FORBIDDEN
  forSidecar: true
  pod: >-
    c.?securityContext.?sysctls.orValue([]).exists(s, !(s.name in {{ include "podrole.celList" $lists.sysctls }}) &&
    !(s.name in {{ include "podrole.celList" $lists.exemptibleSysctls }} && ('sysctls=' + s.name) in variables.exempt))
  message: "A sysctl that Kubernetes does not call safe is set by %s. Remove it from securityContext.sysctls."
windowsHostProcess:
  code: PRIVILEGED
  forSidecar: true
  container: &hostProcess c.?securityContext.?windowsOptions.?hostProcess.orValue(false)
  pod: *hostProcess
  message: "These are processes of the node: %s. Set windowsOptions.hostProcess to false."
{{- end }}

{{- /* Whether the container `c`, the pod, or the pod's annotation `k` may break a rule, exemptions aside. Most do not. */ -}}
{{- define "podrole.celSuspect" -}}
{{- $lists := include "podrole.baselineLists" . | fromYaml -}}
(has(c.securityContext) && (
(has(c.securityContext.capabilities) && has(c.securityContext.capabilities.add) &&
!c.securityContext.capabilities.add.all(a, a in {{ include "podrole.celList" $lists.capabilities }})) ||
(has(c.securityContext.privileged) && c.securityContext.privileged) ||
(has(c.securityContext.seccompProfile) && c.securityContext.seccompProfile.type != 'RuntimeDefault') ||
has(c.securityContext.procMount) || has(c.securityContext.appArmorProfile) || has(c.securityContext.seLinuxOptions) ||
has(c.securityContext.windowsOptions))) ||
(has(c.ports) && c.ports.exists(p, has(p.hostPort))) ||
{{- range $i, $handler := list "livenessProbe" "readinessProbe" "startupProbe" "lifecycle.postStart" "lifecycle.preStop" }}
{{- $at := printf "c.%s" $handler }}
{{- if $i }} ||{{ end }}
({{ if hasPrefix "lifecycle" $handler }}has(c.lifecycle) && {{ end }}has({{ $at }}) &&
((has({{ $at }}.httpGet) && has({{ $at }}.httpGet.host)) || (has({{ $at }}.tcpSocket) && has({{ $at }}.tcpSocket.host))))
{{- end }}
{{- end }}

{{- define "podrole.celSuspectPod" -}}
has(object.spec.hostPID) || has(object.spec.hostIPC) || (has(object.spec.securityContext) && (
(has(object.spec.securityContext.seccompProfile) && object.spec.securityContext.seccompProfile.type != 'RuntimeDefault') ||
has(object.spec.securityContext.appArmorProfile) || has(object.spec.securityContext.seLinuxOptions) ||
has(object.spec.securityContext.sysctls) || has(object.spec.securityContext.windowsOptions)))
{{- end }}

{{- define "podrole.celSuspectKey" -}}
k.contains('seccomp.security.alpha.kubernetes.io/') || k.contains('apparmor.security.beta.kubernetes.io/')
{{- end }}

{{- /*
A variable that says which rule of the level is broken, and those that it takes. `creating`: whether the whole pod is judged. The policy
has to say in variables.baseline whether the level holds, and in variables.judged whether there is a sidecar or a guard to protect. Every
variable costs time in each request, also one that nobody reads; so the controls are none.
*/ -}}
{{- define "podrole.celBaseline" -}}
{{- $lists := include "podrole.baselineLists" . | fromYaml }}
{{- $controls := include "podrole.baselineControls" . | fromYaml }}
{{- $creating := .creating }}
{{ include "podrole.celMeshInits" . | trim }}
{{ include "podrole.celClean" . | trim }}
# The entries of the namespace's annotation. injector/decide/baseline/exemptions.ts reads it in the same way.
- name: exempt
  expression: >-
    variables.admin[?'podrole.dev/exempt'].orValue('').size() > 2000 ||
    !variables.admin[?'podrole.dev/exempt'].orValue('').matches('^[\\t\\n\\r -~]*$') ? [] :
    variables.admin[?'podrole.dev/exempt'].orValue('').split(',').map(e, e.trim())
- name: exemptPaths
  expression: >-
    variables.exempt.filter(e, e.matches('^hostPath=(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$')).map(e, e.substring(9) + '/').filter(p,
    !{{ include "podrole.celOverlaps" $lists.neverExemptPaths }})
- name: writablePaths
  expression: >-
    variables.exempt.filter(e, e.matches('^hostPath=(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+:rw$')).map(e,
    e.substring(9, e.size() - 3) + '/').filter(p,
    !{{ include "podrole.celOverlaps" (concat $lists.neverExemptPaths $lists.neverWritablePaths) }})
- name: suspects
  expression: >-
    variables.others.filter(c, {{ include "podrole.celSuspect" . | nindent 4 | trim }})
# The sentences for the rules that are broken, of which the first is said; empty if there is none. Of volumes that are a path of the node:
# what a pod may write to can hold links, which the runtime follows, so no path below one is exempt. readOnly alone leaves a file system
# that is mounted below the path writable; the injector adds recursiveReadOnly.
- name: brokenLevel
  expression: >-
    variables.clean || !(variables.baseline || variables.judged) ? '' : (
    {{- range $name, $control := $controls }}
    {{- $parts := list }}
    {{- with $control.container }}
    {{- $parts = append $parts (printf "variables.suspects.filter(c, %s).map(c, string(c.name))" .) }}
    {{- end }}
    {{- if $creating }}
    {{- with $control.pod }}
    {{- $parts = append $parts (printf "[object.spec].filter(c, %s).map(c, 'the pod')" .) }}
    {{- end }}
    {{- with $control.annotation }}
    {{- $parts = append $parts (printf "variables.annotations.filter(k, %s).map(k, 'the annotation ' + k)" .) }}
    {{- end }}
    {{- end }}
    {{- if $parts }}
    [{{ join " +\n" $parts | nindent 4 | trim }}].filter(names, {{ if not $control.forSidecar }}variables.baseline && {{ end }}names.size() > 0).map(names,
    '[{{ $control.code }}] {{ $control.message | replace "'" "\\'" | replace "%s" "' + names.join(', ') + '" }}') +
    {{- end }}
    {{- end }}
    [object.spec.?volumes.orValue([]).filter(v, has(v.hostPath) &&
    {{- if not $creating }} variables.others.exists(c, c.?volumeMounts.orValue([]).exists(m, m.name == v.name)) &&{{ end }}
    (v.hostPath.path.matches('(^|/)[.][.](/|$)') || variables.writablePaths.exists(w, v.hostPath.path.startsWith(w)) ||
    !((v.hostPath.path + '/') in variables.writablePaths ||
    (variables.exemptPaths.exists(r, (v.hostPath.path + '/').startsWith(r)) && variables.others.all(c,
    c.?volumeMounts.orValue([]).all(m, m.name != v.name ||
    (m.?readOnly.orValue(false) && m.?recursiveReadOnly.orValue('Disabled') != 'Disabled'))))))).map(v, string(v.name))].filter(names,
    names.size() > 0).map(names,
    '[HOST_PATH] These volumes are a path of the node, through which the pod could reach other pods\' credentials: ' +
    names.join(', ') + '. Use a volume of another kind. A path that the namespace exempts has to be mounted as its exemption says, usually read-only.') +
    [''])[0]
{{- end }}
