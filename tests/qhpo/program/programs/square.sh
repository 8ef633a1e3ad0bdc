#!/bin/sh
# Answers with the squared distance of x from 3, as awk computes it.
echo "trial $QHPO_TRIAL begins" >&2
awk -v x="$1" 'BEGIN { printf "{\"loss\": %.10g, \"x\": %s}\n", (x - 3) * (x - 3), x }'
