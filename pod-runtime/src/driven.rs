//! Connections that do nothing by themselves.

/// Waits for the outcome of an exchange, and polls the connection that it goes over meanwhile.
pub(crate) async fn driven<T, E>(
    connection: impl Future<Output = Result<(), E>>,
    exchange: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        outcome = &mut exchange => outcome,
        ended = &mut connection => {
            ended?;
            exchange.await
        }
    }
}
