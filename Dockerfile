# Builds cikit-api from source. The image contains only the binary and the C library it needs.
#
#   docker build -t cikit-api .
#   docker run -d --name cikit-api -p 127.0.0.1:1337:1337 \
#     -v /var/run/docker.sock:/var/run/docker.sock -v cikit-api:/var/lib/cikit-api cikit-api
#   docker exec -it cikit-api cikit-api create-user -u NAME -g owner

ARG BUILD_IMAGE=node:20-bookworm-slim

FROM ${BUILD_IMAGE} AS build
ARG VERSION=0.1.0
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build -- "$VERSION"
# The binary needs only the libraries that `ldd` lists. `serve` drops to the owner of the data directory.
RUN mkdir -p /image/etc /image/usr/local/bin /image/tmp /data \
 && chmod 1777 /image/tmp && chmod 0700 /data \
 && cp dist/cikit-api /image/usr/local/bin/ \
 && cp --parents --dereference $(ldd dist/cikit-api | grep -o '/[^ ]*') /image/ \
 && printf 'root:x:0:0::/:\ncikit-api:x:10001:10001::/var/lib/cikit-api:\n' > /image/etc/passwd \
 && printf 'root:x:0:\ncikit-api:x:10001:\n' > /image/etc/group

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=10001:10001 /data/ /var/lib/cikit-api/
# Listen on all addresses of the container. Publish the port on loopback unless TLS is configured.
ENV CIKIT_API_HOST=0.0.0.0 CIKIT_API_DATA_DIR=/var/lib/cikit-api
VOLUME /var/lib/cikit-api
EXPOSE 1337
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["cikit-api", "health"]
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title=cikit-api \
      org.opencontainers.image.description="The REST API of a CIKit Matrix" \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.source=$SOURCE
ENTRYPOINT ["cikit-api"]
CMD ["serve"]
