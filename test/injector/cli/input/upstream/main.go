// Reads streams of YAML or JSON as kubectl does. Input: a JSON array of texts. Output: for each text the JSON of its documents, null
// if one cannot be read.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
)

func read(text string) []string {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	documents := []string{}
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			return nil
		}
		// kubectl passes over empty documents.
		if len(document) > 0 && string(document) != "null" {
			documents = append(documents, string(document))
		}
	}
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	answers := [][]string{}
	for _, text := range texts {
		answers = append(answers, read(text))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
