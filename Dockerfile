# The image of the operator for those who have a container engine. `make image` builds the published one, from
# hack/image, without an engine.
FROM --platform=$BUILDPLATFORM golang:1.26.11 AS builder
WORKDIR /workspace
# The modules have their own layer, because they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download
COPY *.go ./
COPY api/ api/
COPY acs/ acs/
COPY controllers/ controllers/
ARG TARGETOS
ARG TARGETARCH
ARG VERSION
ARG REVISION
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
	-ldflags="-s -w -X main.revision=${REVISION} -X github.com/acs-operator/acs-chat-operator/acs.release=${VERSION}" \
	-o acs-chat-operator . && \
	printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >passwd

# As in the published image: nothing but the program, certificate authorities, the license and an account.
FROM scratch
ARG VERSION
ARG REVISION
ARG CREATED
LABEL org.opencontainers.image.title="acs-chat-operator" \
	org.opencontainers.image.description="Kubernetes operator for chat threads of Azure Communication Services" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.source="https://github.com/acs-operator/acs-chat-operator" \
	org.opencontainers.image.documentation="https://github.com/acs-operator/acs-chat-operator/tree/main/docs" \
	org.opencontainers.image.vendor="The acs-chat-operator authors" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}" \
	org.opencontainers.image.created="${CREATED}"
COPY --from=builder /workspace/passwd /etc/passwd
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY LICENSE /licenses/LICENSE
COPY --from=builder /workspace/acs-chat-operator /acs-chat-operator
USER 65532:65532
ENTRYPOINT ["/acs-chat-operator"]
