/** All namespaces in which podrole does nothing, whatever their labels, as the webhook's selector has them. */
export const excludedNamespaces = (own: string, others: readonly string[] = []): readonly string[] => [
  "kube-system",
  own,
  ...others,
];

/** Why the broker makes no session for pods of such a namespace. */
export const namespaceExcluded = (namespace: string) => ({
  code: "NAMESPACE_EXCLUDED",
  message: `podrole does nothing in namespace ${namespace}, whatever its labels, so the broker makes no session for its pods.`,
  remedy:
    "Move the pod to another namespace. Unless this one is kube-system or podrole's own, a cluster admin may take it out of webhook.excludeNamespaces.",
});
