# The reference server from npm, as a user without rights. Not built in this repository: see docs/operations.md.
FROM node:24-slim
ARG VERSION=latest
ENV NODE_ENV=production EXAI_DATA_DIR=/data EXAI_WS_HOST=0.0.0.0 EXAI_WS_PORT=8079
RUN npm install --global --omit=dev --no-audit --no-fund "@exai/server@${VERSION}" \
  && mkdir /data && chown node:node /data && chmod 700 /data
USER node
WORKDIR /data
VOLUME /data
EXPOSE 8079
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.EXAI_WS_PORT + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Within the container there is no TLS: a proxy in front ends it, and EXAI_WS_TOKEN is required.
CMD ["exai-server", "serve", "--insecure-i-know"]
