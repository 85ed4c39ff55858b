//! Ollama's store: `manifests/HOST/NAMESPACE/MODEL/TAG` say which of the `blobs` is the model.

use std::path::Path;

use serde::Deserialize;

use super::{StoreKind, Stored, StoredModel, entries};

/// A longer manifest is none.
const MOST_MANIFEST_BYTES: u64 = 1 << 20;

/// The kind of layer that is a GGUF file.
const MODEL: &str = "application/vnd.ollama.image.model";

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
    size: u64,
}

pub(super) fn look(store: &Path, stored: &mut Stored) {
    let manifests = store.join("manifests");
    for (host, _) in entries(&manifests, stored)
        .iter()
        .filter(|(_, metadata)| metadata.is_dir())
    {
        let host_folder = manifests.join(host);
        for (namespace, _) in entries(&host_folder, stored)
            .iter()
            .filter(|(_, metadata)| metadata.is_dir())
        {
            let namespace_folder = host_folder.join(namespace);
            for (model, _) in entries(&namespace_folder, stored)
                .iter()
                .filter(|(_, metadata)| metadata.is_dir())
            {
                let model_folder = namespace_folder.join(model);
                for (tag, _) in entries(&model_folder, stored)
                    .iter()
                    .filter(|(_, metadata)| metadata.is_file())
                {
                    let path = model_folder.join(tag);
                    let name = name(host, namespace, model, tag);
                    match read(store, &path, name) {
                        Ok(model) => stored.models.push(model),
                        Err(reason) => stored.leave_out(&path, reason),
                    }
                }
            }
        }
    }
}

/// The name that Ollama itself shows, after `ollama:`.
fn name(host: &str, namespace: &str, model: &str, tag: &str) -> String {
    match (host, namespace) {
        ("registry.ollama.ai", "library") => format!("ollama:{model}:{tag}"),
        ("registry.ollama.ai", _) => format!("ollama:{namespace}/{model}:{tag}"),
        _ => format!("ollama:{host}/{namespace}/{model}:{tag}"),
    }
}

fn read(store: &Path, manifest: &Path, name: String) -> Result<StoredModel, String> {
    let bytes = codegemma_model::plain_file::read(manifest, MOST_MANIFEST_BYTES);
    let bytes = bytes.map_err(|error| format!("{name}: its manifest cannot be read ({error})"))?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| format!("{name}: its manifest is damaged ({error})"))?;
    let mut layers = manifest.layers.iter().filter(|layer| layer.media_type == MODEL);
    let (layer, more) = (layers.next(), layers.next());
    let layer = layer.filter(|_| more.is_none());
    let layer = layer.ok_or_else(|| format!("{name}: it is not one GGUF file, as Ollama keeps some of its models"))?;
    let hex = layer.digest.strip_prefix("sha256:").filter(|hex| {
        // It becomes the name of a file.
        hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let hex = hex.ok_or_else(|| format!("{name}: its manifest names no digest"))?;
    let path = store.join("blobs").join(format!("sha256-{hex}"));
    match path.metadata() {
        Ok(metadata) if metadata.len() == layer.size => Ok(StoredModel {
            name,
            path,
            kind: StoreKind::Ollama,
            sha256: Some(hex.to_owned()),
        }),
        Ok(metadata) => Err(format!(
            "{name}: its file has {} bytes and not the {} of its manifest; pull it again with Ollama",
            metadata.len(),
            layer.size
        )),
        Err(error) => Err(format!("{name}: its file cannot be looked at ({error})")),
    }
}
