# switchyard in a container: built in one stage, run in another without compilers, as an ordinary user.
#
#   docker build -t switchyard .
#   docker run --rm -p 127.0.0.1:3000:3000 -p 127.0.0.1:3001:3001 switchyard
#                                                               jobs over HTTP, and methods over WebSockets
#   docker run --rm switchyard switchyard doctor                what this container can use
#   docker run --rm -v "$PWD:/app" switchyard app.js            an application of yours: require('switchyard')
#
# With a GPU:
#   AMD, Intel   docker run --device /dev/dri --group-add "$(getent group render | cut -d: -f3)" ...
#   NVIDIA       docker run --gpus all ...   (the NVIDIA Container Toolkit on the host; the capabilities are set below)
# The CUDA backend is in the image only where the build stage has nvcc 13: give a base image that has it and Node, with
# --build-arg BUILD_IMAGE=...; without it NVIDIA cards are used through Vulkan.
ARG NODE_IMAGE=node:20-bookworm-slim
ARG BUILD_IMAGE=${NODE_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /switchyard
# What changes seldom comes first: the system packages and npm packages are cached layers.
COPY package.json package-lock.json .npmrc ./
COPY tools tools
RUN node -e "require('./tools/system-packages').ensure().catch((e) => { console.error(e.message); process.exit(1); })"
COPY CMakeLists.txt CMakePresets.json ./
COPY src src
COPY binding binding
COPY kernels kernels
COPY shaders shaders
RUN node tools/setup.js --cuda-archs=release
RUN npm prune --omit=dev && strip --strip-unneeded build/release/switchyard.node

FROM ${NODE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends libhwy1 libvulkan1 mesa-vulkan-drivers libegl1 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /switchyard/package.json /usr/local/lib/node_modules/switchyard/
COPY --from=build /switchyard/node_modules /usr/local/lib/node_modules/switchyard/node_modules
COPY --from=build /switchyard/build/release/switchyard.node /switchyard/build/release/switchyard-compiler \
     /usr/local/lib/node_modules/switchyard/build/release/
COPY lib /usr/local/lib/node_modules/switchyard/lib
ENV NODE_PATH=/usr/local/lib/node_modules \
    SHADER_CACHE_DIR=/var/cache/switchyard \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
RUN ln -s ../lib/node_modules/switchyard/lib/cli/main.js /usr/local/bin/switchyard \
 && chmod +x /usr/local/lib/node_modules/switchyard/lib/cli/main.js \
 && install -d -o node -g node /var/cache/switchyard /app /data
USER node
WORKDIR /app
EXPOSE 3000 3001
# The health of the service that CMD starts; an application of yours that serves nothing runs with --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD node -e "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health/ready') \
    .then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"
# From outside a container only an address other than 127.0.0.1 can be reached, and such a one needs tokens, or this
# word that something else decides who gets here: within a container it is the container's own network, and whoever
# publishes the port (-p 127.0.0.1:3000:3000 -p 127.0.0.1:3001:3001) decides it. With AUTH_TOKEN or AUTH_TOKENS_FILE
# each request needs a token all the same.
# What clients keep lies in /data: -v switchyard:/data keeps it.
ENV MEMORY_DIR=/data
VOLUME /data
CMD ["switchyard", "start", "--host", "0.0.0.0", "--allow-anonymous"]
