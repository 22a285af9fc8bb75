//! Connects to a CitySeal service and prints whether it answers: a minimal program that embeds the client.

use cityseal_client::{Client, ClientError, ClientOptions};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:50051".to_owned());
    let _client = Client::connect(ClientOptions::new(&address)).await?;
    println!("connected to {address}");
    Ok(())
}
