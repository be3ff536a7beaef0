# The command in a container:
#   docker build --tag atlasae .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" atlasae info small.root
# Compiled kernels are kept between runs with: --env ATLASAE_KERNELS=/data/.kernels
# The core alone; with figures: docker build --build-arg EXTRAS=[plot] --tag atlasae .
FROM python:3.11-slim AS build
ARG EXTRAS=
WORKDIR /source
RUN python -m venv /opt/atlasae
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY atlasae atlasae
RUN /opt/atlasae/bin/pip install --no-cache-dir --constraint constraints.txt ".$EXTRAS"

FROM python:3.11-slim
COPY --from=build /opt/atlasae /opt/atlasae
ENV PATH=/opt/atlasae/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /data
ENTRYPOINT ["atlasae"]
CMD ["--help"]
