"""Products and prices."""

from pydantic import Field

from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.call import Call, Endpoint, retrieve
from provisioner.sandbox.stripe.errors import invalid
from provisioner.sandbox.stripe.forms import Form, ListForm, Metadata, Text, merged
from provisioner.sandbox.stripe.lists import listing
from provisioner.sandbox.stripe.shapes.catalog import new_price, new_product


class Recurring(Form):
    ignored = frozenset({"usage_type"})

    interval: str = Field(pattern="^(day|week|month|year)$")
    interval_count: int = 1
    usage_type: str = "licensed"


class ProductForm(Form):
    ignored = frozenset(
        {
            "images",
            "marketing_features",
            "shippable",
            "statement_descriptor",
            "tax_code",
            "type",
            "unit_label",
            "url",
        }
    )

    id: str | None = None
    name: str | None = None
    description: Text = None
    active: bool = True
    metadata: Metadata = None


class ProductData(Form):
    name: str


class PriceForm(Form):
    ignored = frozenset({"billing_scheme", "tax_behavior", "transfer_lookup_key"})

    currency: str = Field(pattern="^[a-z]{3}$")
    unit_amount: int = Field(ge=0)
    product: str | None = None
    product_data: ProductData | None = None
    recurring: Recurring | None = None
    nickname: Text = None
    lookup_key: Text = None
    active: bool = True
    metadata: Metadata = None


class PriceUpdate(Form):
    active: bool | None = None
    nickname: Text = None
    lookup_key: Text = None
    metadata: Metadata = None


class ActiveList(ListForm):
    active: bool | None = None


class PriceList(ActiveList):
    product: str | None = None
    currency: str | None = None
    type: str | None = None
    lookup_keys: list[str] | None = None


def _create_product(call: Call[ProductForm]) -> Json:
    if not call.form.name:
        raise invalid("Missing required param: name.", param="name", code="parameter_missing")
    product = new_product(call.account, call.form.name, call.form.id)
    _write_product(call, product)
    call.account.add(product)
    call.account.emit("product.created", product)
    return product


def _update_product(call: Call[ProductForm]) -> Json:
    product = call.the("product")
    with call.account.changing(product, "product.updated"):
        _write_product(call, product)
    return product


def _write_product(call: Call[ProductForm], product: Json) -> None:
    given = call.form.model_fields_set
    product.update({n: getattr(call.form, n) for n in ("name", "description", "active") if n in given})
    product["metadata"] = merged(product["metadata"], call.form.metadata)


def _create_price(call: Call[PriceForm]) -> Json:
    account, form = call.account, call.form
    if form.product_data is not None:
        product = account.add(new_product(account, form.product_data.name))
        account.emit("product.created", product)
    elif form.product:
        product = account.find("product", form.product, param="product")
    else:
        raise invalid("Missing required param: product.", param="product", code="parameter_missing")
    price = new_price(
        account,
        product["id"],
        unit_amount=form.unit_amount,
        currency=form.currency,
        interval=form.recurring.interval if form.recurring else None,
        interval_count=form.recurring.interval_count if form.recurring else 1,
    )
    price.update(nickname=form.nickname, lookup_key=form.lookup_key, active=form.active)
    price["metadata"] = merged({}, form.metadata)
    account.add(price)
    account.emit("price.created", price)
    return price


def _update_price(call: Call[PriceUpdate]) -> Json:
    price, given = call.the("price"), call.form.model_fields_set
    with call.account.changing(price, "price.updated"):
        price.update({n: getattr(call.form, n) for n in ("active", "nickname", "lookup_key") if n in given})
        price["metadata"] = merged(price["metadata"], call.form.metadata)
    return price


def _wanted(call: Call[PriceList], price: Json) -> bool:
    form = call.form
    named = all(
        getattr(form, name) in (None, price[name]) for name in ("active", "product", "currency", "type")
    )
    return named and (form.lookup_keys is None or price["lookup_key"] in form.lookup_keys)


ENDPOINTS = (
    Endpoint("POST", "products", ProductForm, _create_product),
    Endpoint("POST", "products/{id}", ProductForm, _update_product),
    retrieve("product", "products"),
    listing("product", "products", ActiveList, lambda call, one: call.form.active in (None, one["active"])),
    Endpoint("POST", "prices", PriceForm, _create_price),
    Endpoint("POST", "prices/{id}", PriceUpdate, _update_price),
    retrieve("price", "prices"),
    listing("price", "prices", PriceList, _wanted),
)
