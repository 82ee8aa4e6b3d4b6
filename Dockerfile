# cikit-api as an image: built from source, run with nothing but the binary.
#
#   docker build -t cikit-api .
#   docker run -d --name cikit-api -p 127.0.0.1:1337:1337 \
#     -v /var/run/docker.sock:/var/run/docker.sock -v cikit-api:/var/lib/cikit-api cikit-api
#   docker exec -it cikit-api cikit-api create-user -u NAME -g owner

ARG BUILD_IMAGE=node:20-bookworm-slim
ARG RUN_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM ${RUN_IMAGE}
COPY --from=build /src/dist/cikit-api /usr/local/bin/cikit-api
# Inside the container every address is the container's own; publish the port on loopback unless TLS is given.
ENV CIKIT_API_HOST=0.0.0.0
VOLUME /var/lib/cikit-api
EXPOSE 1337
STOPSIGNAL SIGTERM
ENTRYPOINT ["cikit-api"]
CMD ["serve"]
