"""Triton as this operator uses it: what a model says it takes and gives, or one reason why that is not known."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from tidegate.clients.errors import ServerUnavailable
from tidegate.runtimes.signature import Signature, Tensor

TIMEOUT_SECONDS = 5.0


class TritonServers:
    """Asks model servers over HTTP; no connection outlives its question."""

    async def signature(self, address: str, model: str) -> Signature:
        """What `model` takes and gives at the server `address` (host:port).

        Raises
        ------
        ServerUnavailable
            If the server does not answer, or not for that model.
        """
        # Only a rollout with such a step needs the library, and numpy with it.
        from tritonclient.http.aio import InferenceServerClient
        from tritonclient.utils import InferenceServerException

        server = InferenceServerClient(address, conn_timeout=TIMEOUT_SECONDS)
        try:
            metadata, config = await asyncio.gather(server.get_model_metadata(model), server.get_model_config(model))
            return signature_of(metadata, config)
        except InferenceServerException as error:
            raise ServerUnavailable(f"{address}: {error.message() or error}") from error
        except TimeoutError as error:
            raise ServerUnavailable(f"{address} did not answer within {TIMEOUT_SECONDS:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ServerUnavailable(f"{address} cannot be reached: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ServerUnavailable(f"{address} gave an answer that cannot be read: {error!r}") from error
        finally:
            await server.close()


def signature_of(metadata: Mapping[str, Any], config: Mapping[str, Any]) -> Signature:
    """The answers of ``/v2/models/NAME`` and ``/v2/models/NAME/config`` as one.

    Raises
    ------
    KeyError, TypeError, ValueError
        If they are not what Triton answers.
    """
    optional = {one["name"] for one in config.get("input", ()) if one.get("optional")}

    def tensors(listed: Any) -> tuple[Tensor, ...]:
        return tuple(
            Tensor(
                str(one["name"]),
                str(one["datatype"]),
                tuple(int(size) for size in one["shape"]),
                one["name"] in optional,
            )
            for one in listed
        )

    return Signature(
        inputs=tensors(metadata["inputs"]),
        outputs=tensors(metadata["outputs"]),
        max_batch_size=int(config.get("max_batch_size", 0)),
        decoupled=bool(config.get("model_transaction_policy", {}).get("decoupled", False)),
    )
