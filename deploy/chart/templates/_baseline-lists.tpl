{{- /*
What Pod Security level `baseline` allows, and what an admin may exempt a namespace from. test/contract/policy-baseline.test.ts compares
it with the lists in injector/decide/baseline/.
*/ -}}

{{- define "podrole.baselineLists" -}}
capabilities: [AUDIT_WRITE, CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, SETFCAP, SETGID, SETPCAP, SETUID, SYS_CHROOT]
exemptibleCapabilities: [IPC_LOCK, SYS_NICE]
# Allowed as well where nothing but a sidecar is to be protected.
capabilitiesWithoutGuard: [IPC_LOCK, SYS_NICE, NET_ADMIN, NET_RAW]
profiles: [RuntimeDefault, Localhost]
seLinuxTypes: ["", container_t, container_init_t, container_kvm_t, container_engine_t]
sysctls:
  - kernel.shm_rmid_forced
  - net.ipv4.ip_local_port_range
  - net.ipv4.tcp_syncookies
  - net.ipv4.ping_group_range
  - net.ipv4.ip_unprivileged_port_start
  - net.ipv4.ip_local_reserved_ports
  - net.ipv4.tcp_keepalive_time
  - net.ipv4.tcp_fin_timeout
  - net.ipv4.tcp_keepalive_intvl
  - net.ipv4.tcp_keepalive_probes
  - net.ipv4.tcp_rmem
  - net.ipv4.tcp_wmem
exemptibleSysctls:
  - fs.mqueue.msg_max
  - fs.mqueue.msgsize_max
  - fs.mqueue.queues_max
  - kernel.msgmax
  - kernel.msgmnb
  - kernel.msgmni
  - kernel.sem
  - kernel.shmall
  - kernel.shmmax
  - kernel.shmmni
  - net.core.somaxconn
  - net.ipv4.tcp_max_syn_backlog
  - net.ipv4.tcp_tw_reuse
neverExemptPaths:
  - /dev
  - /etc
  - /home
  - /local
  - /mnt/k8s-disks
  - /mnt/stateful_partition
  - /ostree
  - /proc
  - /root
  - /run
  - /srv/kubernetes
  - /sys
  - /sysroot
  - /system
  - /var/crash
  - /var/home
  - /var/lib/amazon
  - /var/lib/apport
  - /var/lib/cloud
  - /var/lib/containerd
  - /var/lib/containers
  - /var/lib/cri-dockerd
  - /var/lib/docker
  - /var/lib/etcd
  - /var/lib/k0s
  - /var/lib/kube-proxy
  - /var/lib/kubelet
  - /var/lib/minikube
  - /var/lib/rancher
  - /var/lib/systemd
  - /var/lib/waagent
  - /var/roothome
  - /var/run
  - /var/snap
  - /var/spool/abrt
neverWritablePaths:
  - /bin
  - /boot
  - /lib
  - /lib32
  - /lib64
  - /libx32
  - /opt
  - /sbin
  - /snap
  - /usr
  - /var/lib/dpkg
  - /var/lib/rpm
  - /var/log/containers
  - /var/log/pods
  - /var/spool
{{- end }}
