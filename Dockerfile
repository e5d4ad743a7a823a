# switchyard in a container: built in one stage, run from another that has Node, what the addon links, and nothing else.
#
#   docker build -t switchyard .
#   docker run --rm -p 127.0.0.1:3000:3000 -p 127.0.0.1:3001:3001 switchyard
#                                                               jobs over HTTP, and methods over WebSockets
#   docker run --rm switchyard switchyard doctor                what this container can use
#   docker run --rm -v "$PWD:/app" switchyard app.js            an application of yours: require('switchyard')
#
# With a GPU:
#   AMD, Intel   docker build --build-arg DRIVERS=mesa-vulkan-drivers ...
#                docker run --device /dev/dri --group-add "$(getent group render | cut -d: -f3)" ...
#   NVIDIA       docker run --gpus all ...   (the NVIDIA Container Toolkit on the host; the capabilities are set below)
# The CUDA backend is in the image only where the build stage has nvcc 13: give a base image that has it and Node, with
# --build-arg BUILD_IMAGE=...; without it NVIDIA cards are used through Vulkan.
#
# Other bases: BASE_IMAGE is what runs (Debian 12 or its like), NODE_IMAGE where its Node comes from (/usr/local/bin).
# Pictures need a Vulkan device: a card's, or with DRIVERS=mesa-vulkan-drivers the CPU's, for 140 MB more.
# The default model of texts is 28 MB: --build-arg MODEL=none leaves it out.
ARG BASE_IMAGE=debian:bookworm-slim
ARG NODE_IMAGE=node:20-bookworm-slim
ARG BUILD_IMAGE=${NODE_IMAGE}

FROM ${NODE_IMAGE} AS node

FROM ${BUILD_IMAGE} AS build
ARG MODEL=default
ENV DEBIAN_FRONTEND=noninteractive CCACHE_DIR=/var/cache/ccache
WORKDIR /switchyard
# What changes seldom comes first: the system packages and npm packages are cached layers.
COPY package.json package-lock.json .npmrc ./
COPY tools tools
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    --mount=type=cache,target=/root/.npm \
    node -e "require('./tools/system-packages').ensure(undefined, { buildOnly: true }) \
      .catch((e) => { console.error(e.message); process.exit(1); })"
COPY CMakeLists.txt CMakePresets.json ./
COPY src src
COPY binding binding
COPY kernels kernels
COPY shaders shaders
RUN --mount=type=cache,target=/root/.npm --mount=type=cache,target=/var/cache/ccache \
    node tools/setup.js --cuda-archs=release --build-only \
 && strip --strip-unneeded build/release/switchyard.node build/release/switchyard-compiler
# What runs: no tools, no types, no sources of other people's builds.
RUN npm prune --omit=dev \
 && if [ "${MODEL}" = none ]; then rm -rf node_modules/@energetic-ai; fi \
 && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete \
 && find node_modules -type f -iname '*.md' ! -iname '*licen[cs]e*' ! -iname '*notice*' -delete

FROM ${BASE_IMAGE} AS runtime
ARG DRIVERS=""
ENV DEBIAN_FRONTEND=noninteractive
# Caches of its own: buildah 1.28 holds the build stage's until it ends.
RUN --mount=type=cache,id=runtime-cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=runtime-lists,target=/var/lib/apt,sharing=locked \
    apt-get update \
 && apt-get install -y --no-install-recommends tini libhwy1 libvulkan1 libegl1 ca-certificates ${DRIVERS} \
 && rm -rf /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /var/log/* /var/cache/debconf/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
RUN if ! getent passwd node > /dev/null; then useradd --uid 1000 --user-group --create-home node; fi \
 && install -d -o node -g node /var/cache/switchyard /app /data
COPY --from=build /switchyard/package.json /usr/local/lib/node_modules/switchyard/
COPY --from=build /switchyard/node_modules /usr/local/lib/node_modules/switchyard/node_modules
COPY --from=build /switchyard/build/release/switchyard.node /switchyard/build/release/switchyard-compiler \
     /usr/local/lib/node_modules/switchyard/build/release/
COPY lib /usr/local/lib/node_modules/switchyard/lib
COPY deploy/entrypoint.sh /usr/local/bin/entrypoint
RUN ln -s ../lib/node_modules/switchyard/lib/cli/main.js /usr/local/bin/switchyard \
 && chmod +x /usr/local/lib/node_modules/switchyard/lib/cli/main.js /usr/local/bin/entrypoint

# One layer of what is there now, without what was removed on the way.
FROM scratch
COPY --from=runtime / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production \
    NODE_PATH=/usr/local/lib/node_modules \
    SHADER_CACHE_DIR=/var/cache/switchyard \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
USER node
WORKDIR /app
EXPOSE 3000 3001
STOPSIGNAL SIGTERM
# The health of the service that CMD starts; an application of yours that serves nothing runs with --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", \
  "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health/ready').then((r) => process.exit(r.ok ? 0 : 1))"]
# From outside a container only an address other than 127.0.0.1 can be reached, and such a one needs tokens, or this
# word that something else decides who gets here: within a container it is the container's own network, and whoever
# publishes the port (-p 127.0.0.1:3000:3000 -p 127.0.0.1:3001:3001) decides it. With AUTH_TOKEN or AUTH_TOKENS_FILE
# each request needs a token all the same.
# What clients keep lies in /data: -v switchyard:/data keeps it; compiled programs in /var/cache/switchyard.
ENV MEMORY_DIR=/data
VOLUME /data
ENTRYPOINT ["tini", "--", "entrypoint"]
CMD ["switchyard", "start", "--host", "0.0.0.0", "--allow-anonymous"]
