# One image with every program: the six services and the command line. Which one runs is the container's command.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --workspace --bins && mkdir /programs && \
    find target/release -maxdepth 1 -type f -executable -exec cp {} /programs \;

FROM debian:bookworm-slim
RUN useradd --system --home-dir /var/lib/quartermaster --create-home quartermaster
COPY --from=build /programs/ /usr/local/bin/
USER quartermaster
WORKDIR /var/lib/quartermaster
CMD ["quartermaster", "--help"]
