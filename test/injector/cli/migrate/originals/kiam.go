// Which role kiam's server gives a pod, by its own policy: cases on standard input, answers on standard output, both as JSON.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/uswitch/kiam/pkg/aws/sts"
	"github.com/uswitch/kiam/pkg/k8s"
	"github.com/uswitch/kiam/pkg/server"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type question struct {
	Base       string
	Strict     bool
	Rule, Role *string
}

type namespaces struct{ asked question }

func annotations(key string, value *string) map[string]string {
	if value == nil {
		return nil
	}
	return map[string]string{key: *value}
}

func (n namespaces) FindNamespace(context.Context, string) (*v1.Namespace, error) {
	return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: annotations(k8s.AnnotationPermittedKey, n.asked.Rule)}}, nil
}

func answer(asked question) *string {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Annotations: annotations(k8s.AnnotationIAMRoleKey, asked.Role)}}
	resolver := sts.DefaultResolver(asked.Base)
	role, err := resolver.Resolve(k8s.PodRole(pod))
	if err != nil {
		return nil
	}
	policy := server.NewNamespacePermittedRoleNamePolicy(asked.Strict, namespaces{asked}, resolver)
	decision, err := policy.IsAllowedAssumeRole(context.Background(), k8s.PodRole(pod), pod)
	if err != nil || !decision.IsAllowed() {
		return nil
	}
	return &role.ARN
}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		panic(err)
	}
	answers := make([]*string, len(questions))
	for index, asked := range questions {
		answers[index] = answer(asked)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
