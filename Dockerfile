# The collector as an image: built from the lock file, then only what runs (config/bundle.ts), as a user without rights, on
# a root file system that may be read-only. For x64 and arm64: docker buildx build --platform linux/amd64,linux/arm64 .

FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && node dist/config/bundle.js --folder /opt/emdc

FROM node:22-bookworm-slim
LABEL org.opencontainers.image.title="EMDC" \
      org.opencontainers.image.description="Reads energy meters over Modbus TCP and keeps every reading in SQL" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/emdc /opt/emdc
RUN ln -s /opt/emdc/bin/emdc /usr/local/bin/emdc && install -d -o node -g node /data
# Data (SQLite file, spool) is relative to the working directory. In a container, HTTP must be reached from outside of it.
# MALLOC_ARENA_MAX: one pool of memory for all threads is 5 MB less than one for each.
ENV NODE_ENV=production \
    EMDC_HTTP_HOST=0.0.0.0 \
    EMDC_LOG_FORMAT=json \
    MALLOC_ARENA_MAX=1
USER node
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.EMDC_HTTP_PORT ?? 8080}/ping`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/opt/emdc/dist/src/main.js"]
CMD ["run"]
