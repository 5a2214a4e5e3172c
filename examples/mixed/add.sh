#!/bin/sh
# Adds up the numbers of sales.json. No SDK: inputs and outputs are files.
set -eu
total=0
for n in $(tr '[],' '   ' <"$LEVADA_INPUTS/sales.json"); do
    total=$((total + n))
done
echo "adding for $LEVADA_PATHSPEC"
echo "$total" >"$LEVADA_OUTPUTS/total.json"
echo "added by a shell" >"$LEVADA_OUTPUTS/receipt.txt"
