# The hub on nothing but git, certificates and time zones: no shell, no package manager. It runs as user 65532 and writes to
# /data and /tmp alone, so the root may be read-only:
#
#   docker build -t cairn --build-arg VERSION=$(git describe --tags --always) .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v cairn:/data -p 28080:28080 cairn

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION=${VERSION}

FROM debian:bookworm-slim AS root
RUN apt-get update && apt-get install -y --no-install-recommends git ca-certificates tzdata
COPY --from=build /src/bin/cairn /cairn
COPY deploy/docker/rootfs.sh /rootfs.sh
RUN /rootfs.sh /cairn /root-of-image

FROM scratch
COPY --from=root /root-of-image /
ENV PATH=/usr/bin CAIRN_DATA=/data CAIRN_LISTEN=:28080
USER 65532:65532
VOLUME /data
EXPOSE 28080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/cairn"]
CMD ["serve"]
