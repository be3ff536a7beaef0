"""The class that RNTuples are read with: uproot's, with numbers in the types of their fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from uproot.models.RNTuple import Model_ROOT_3a3a_RNTuple

_INTEGERS = {f"std::{k}int{bits}_t": f"{k}int{bits}" for k in ("", "u") for bits in (8, 16, 32, 64)}
_NUMBERS = {"float": "float32", "double": "float64", **_INTEGERS}
_QUANTIZED = "real32quant"


class TypedRNTuple(Model_ROOT_3a3a_RNTuple):  # type: ignore[misc]
    """An RNTuple whose numbers have the types of their fields.

    A field may be stored in a column of another type: a double in 32 bits, in fewer, or as an
    integer between two limits; a float in 16 bits. uproot gives the numbers in the type of the
    column, and rounds quantized doubles to float32. Here they are what ROOT reads.
    """

    @property
    def encoded_classname(self) -> str:
        return str(Model_ROOT_3a3a_RNTuple.__name__)

    def get_field_metadata(self, ncol: int) -> Any:
        stored = super().get_field_metadata(ncol)
        field = self.column_records[ncol].field_id
        return replace(stored, dtype_result=self._number(field) or stored.dtype_result)

    def base_col_form(self, cr: Any, *args: Any, **options: Any) -> Any:
        form = super().base_col_form(cr, *args, **options)
        number = self._number(cr.field_id)
        return form if number is None else form.copy(primitive=number.name)

    def read_cluster_pages(
        self,
        cluster_idx: int,
        col_idx: int,
        field_metadata: Any,
        destination: Any = None,
        array_cache: Any = None,
    ) -> Any:
        column = self._written_column(cluster_idx, col_idx)
        stored = super().get_field_metadata(column)
        wanted = field_metadata.dtype_result
        if stored.dtype == wanted and stored.dtype_str != _QUANTIZED:
            return super().read_cluster_pages(
                cluster_idx, column, field_metadata, destination, array_cache
            )
        narrow = replace(stored, dtype_result=stored.dtype)
        values = super().read_cluster_pages(cluster_idx, column, narrow)
        if stored.dtype_str == _QUANTIZED:
            values = self._restored(values.view(np.uint32), column)
        if destination is None:
            return values.astype(wanted)
        destination[:] = values
        return None

    def post_process(self, buffer: Any, field_metadata: Any) -> None:
        if field_metadata.dtype_str != _QUANTIZED:  # else the integers are still needed
            super().post_process(buffer, field_metadata)

    def _number(self, field: int) -> np.dtype[Any] | None:
        """The dtype of a field; None if it is not a number."""
        name = _NUMBERS.get(self.field_records[field].type_name)
        return None if name is None else np.dtype(name)

    def _written_column(self, cluster: int, column: int) -> int:
        """The column of the same field that has the values in a cluster."""
        columns = self.page_link_list[cluster]
        if column >= len(columns) or not columns[column].suppressed:
            return column
        alike = self._column_records_dict[self.column_records[column].field_id]
        return next(int(other.idx) for other in alike if not columns[other.idx].suppressed)

    def _restored(self, integers: Any, column: int) -> Any:
        """Quantized numbers, as ROOT computes them."""
        record = self.column_records[column]
        step = (record.max_value - record.min_value) / ((1 << record.nbits) - 1)
        return integers.astype(np.float64) * step + record.min_value
