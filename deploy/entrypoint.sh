#!/bin/sh
# What a container runs: a command of the image, or a script of the application by its name alone.
case "$1" in
  *.js | *.mjs | *.cjs) set -- node "$@" ;;
esac
exec "$@"
