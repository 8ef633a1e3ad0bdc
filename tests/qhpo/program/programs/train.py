"""A training with argparse: reports after every epoch."""

import argparse
import json
import time

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float, required=True)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--pause", type=float, default=0.0)
args = parser.parse_args()
for step in range(args.epochs):
    print(json.dumps({"loss": (args.x - 3) ** 2 + 1 / (step + 1), "step": step}))
    time.sleep(args.pause)
