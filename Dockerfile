# Weir as an image: what runs in production and no more, for one platform, owned by root and run by nobody in particular.
# k8s/image.integration.test.ts executes these steps without a container engine.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY engine engine
COPY features features
COPY models models
COPY k8s k8s
RUN npx tsc && chmod +x dist/engine/main.js
# Left behind: packages, sources and tests of the development, and ONNX Runtime for other platforms.
RUN npm prune --omit=dev --ignore-scripts \
  && platform=$(node -p 'process.platform + "/" + process.arch') \
  && cd node_modules/onnxruntime-node/bin \
  && find . -mindepth 3 -maxdepth 3 ! -path "./*/$platform" -exec rm -r {} +
RUN rm -r engine k8s tsconfig.json package-lock.json dist/.tsbuildinfo \
  && find features models -name '*.ts' -delete \
  && find dist features models -name testing -prune -exec rm -r {} + \
  && find dist -name '*.test.js*' -delete -o -name '*.contract.js*' -delete
# What cannot decide must not become an image.
RUN dist/engine/main.js stream --input generator --limit 100

FROM node:20-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /app /app
RUN ln -s /app/dist/engine/main.js /usr/local/bin/weir
WORKDIR /app
USER 1000:1000
ENTRYPOINT ["weir"]
CMD ["--help"]
