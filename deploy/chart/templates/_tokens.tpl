{{- /*
Parts of the admission policies about the tokens of identities: what injector/mutate/own-volumes.ts writes. A container may mount
the token of its own identity, in one place.
*/ -}}

{{- /* The names in an annotation of the pod, as injector/model/name-list.ts reads them. */ -}}
{{- define "podrole.celNames" -}}
variables.annotations['{{ . }}'].replace('"', '').replace(';', ',').replace('\n', ',').split(',').map(n, n.trim())
{{- end }}

{{- /* Variables about the volumes with the tokens. */ -}}
{{- define "podrole.celTokenParts" -}}
- name: annotations
  expression: "has(object.metadata.annotations) ? object.metadata.annotations : {}"
- name: identities
  expression: >-
    variables.sidecars.size() == 0 ? '' : variables.sidecars[0].?env.orValue([]).filter(e, e.name == 'PODROLE_IDENTITIES').map(e,
    e.?value.orValue('')).join(',')
- name: tokenVolumes
  expression: object.spec.?volumes.orValue([]).filter(v, v.name.startsWith('podrole-identity-'))
# VOLUME=AUDIENCE of each.
- name: tokens
  expression: >-
    variables.tokenVolumes.map(v, v.name + '=' + (v.?projected.?sources.orValue(null) == null ? '' : v.projected.sources.map(p,
    p.?serviceAccountToken.?audience.orValue('')).join(',')))
# The containers that the pod names for credentials, and those that it excludes.
- name: exposed
  expression: >-
    !('podrole.dev/containers' in variables.annotations) ? ['*'] :
    {{ include "podrole.celNames" "podrole.dev/containers" }}
- name: skipped
  expression: >-
    !('podrole.dev/skip-containers' in variables.annotations) ? [] :
    {{ include "podrole.celNames" "podrole.dev/skip-containers" }}
# Those that it excludes from IRSA, with EKS's key: the key of another webhook for IRSA is not known here.
- name: skippedByIrsa
  expression: >-
    !('eks.amazonaws.com/skip-containers' in variables.annotations) ? [] :
    {{ include "podrole.celNames" "eks.amazonaws.com/skip-containers" }}
{{- end }}

{{- /* Whether mount `m` of container `c` is the token of its identity, as podrole writes it. */ -}}
{{- define "podrole.celOwnToken" -}}
m.mountPath == '/var/run/secrets/podrole.dev/credentials' && {{ include "podrole.celWhole" . }} &&
(m.name + '=podrole.dev/' + (('podrole.dev/role.' + c.name) in variables.annotations ? 'container/' + c.name : 'pod')) in variables.tokens &&
!(c.name in variables.skipped) && (variables.exposed == ['*'] ?
('podrole.dev/role.' + c.name) in variables.annotations || !(c.name in variables.skippedByIrsa) : c.name in variables.exposed)
{{- end }}

{{- /* Whether mount `m` of the sidecar is a token as podrole writes it. */ -}}
{{- define "podrole.celSidecarToken" -}}
m.name.startsWith('podrole-identity-') && {{ include "podrole.celWhole" . }} &&
m.mountPath == m.name.replace('podrole-identity-', '/run/podrole/')
{{- end }}

{{- /* Whether the token of source `p` has the audience of the broker, in source broker; else one that a service account may choose, as
injector/model/audience.ts; a rule of its own refuses the reserved ones. The policy does not see the service account, and need not: a pod's author may have the kubelet
write a token of any audience into the app's containers. Only an empty one, or the API's usual names, would make the sidecar hold a
token for the API. */ -}}
{{- define "podrole.celAudience" -}}
[p.serviceAccountToken.?audience.orValue('')].all(a, variables.source == 'broker' ? a == 'podrole-broker' : a == 'sts.amazonaws.com' ||
(a.matches('^[A-Za-z0-9][A-Za-z0-9._:/@+=~-]{0,254}$') && !a.matches('^(https://)?kubernetes([.]|$)')))
{{- end }}

{{- /* Whether volume `v` is a token as podrole writes it: of an audience of its own, for the identity that the sidecar has at this
number, and with no number left out. */ -}}
{{- define "podrole.celTokenVolume" -}}
v.name.matches('^podrole-identity-[0-9]$') && int(v.name.substring(17)) < variables.tokenVolumes.size() &&
{{ include "podrole.celOneSource" . }} && v.projected.sources.all(p, has(p.serviceAccountToken) &&
p.serviceAccountToken.?audience.orValue('').startsWith('podrole.dev/') && p.serviceAccountToken.path == 'token' &&
p.serviceAccountToken.?expirationSeconds.orValue(0) == 86400 &&
variables.identities.contains('{"name":"' + p.serviceAccountToken.audience.substring(12) + '","tokenFile":"' +
v.name.replace('podrole-identity-', '/run/podrole/') + '/token"')) &&
variables.sidecars.exists(s, s.?volumeMounts.orValue([]).exists(m, m.name == v.name))
{{- end }}

{{- /* Whether installation `i` delivers the tokens like this. Only an identity has steps behind its hash: a session tag may have
any key. */ -}}
{{- define "podrole.celTokenMode" -}}
(i.token != 'env' || variables.tokenVolumes.size() == 0) &&
(i.token != 'file' || !variables.identities.matches('"tokenSha256":"[0-9a-f]{64}","steps":\\['))
{{- end }}
