"""The operations, as the service models in the installed botocore describe them."""

from dataclasses import dataclass

import botocore.session

SERVICES = ("personalize", "personalize-runtime", "personalize-events")


@dataclass(frozen=True)
class Operation:
    """One operation; `errors` are its modelled exceptions with their statuses."""

    service: str
    name: str
    model: object
    errors: dict

    @property
    def control(self):
        return self.service == "personalize"

    @property
    def path(self):
        return self.model.http["requestUri"]

    @property
    def target(self):
        return f"{self.model.metadata['targetPrefix']}.{self.name}" if self.control else None

    @property
    def method(self):
        """Its name in boto3."""
        return botocore.xform_name(self.name)


def operations():
    """Every operation of the three services by name, in the order of the models."""
    session = botocore.session.get_session()
    found = {}
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            # The control plane's model gives no statuses: every exception is a 400 there.
            errors = {error.name: (error.metadata.get("error") or {}).get("httpStatusCode", 400)
                      for error in operation.error_shapes}
            found[name] = Operation(service, name, operation, errors)
    return found


OPERATIONS = operations()
