//! Columns of Python values as an Arrow stream, in the capsules that polars, pyarrow, duckdb and pandas read.
//!
//! <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>

use std::sync::Arc;

use ::arrow_schema::ffi::FFI_ArrowSchema;
use ::arrow_schema::{ArrowError, DataType, Field, Schema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, RecordBatch, RecordBatchIterator,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyCapsule;

/// The name and kind of a column, see `aio_strategies.frame`.
type FieldTuple = (String, String);

/// The columns' names and kinds, as the Arrow capsule of a schema.
#[pyfunction]
pub(super) fn arrow_schema(py: Python<'_>, fields: Vec<FieldTuple>) -> PyResult<Bound<'_, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema(fields)?).map_err(|error| to_python(&error))?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

/// Columns, each an iterable of values or None, as the Arrow capsule of a stream that holds a copy of them.
#[pyfunction]
pub(super) fn arrow_stream<'py>(
    py: Python<'py>,
    fields: Vec<FieldTuple>,
    columns: Vec<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = Arc::new(schema(fields)?);
    let arrays = schema.fields().iter().zip(columns).map(|(field, values)| array(field.data_type(), &values));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect::<PyResult<_>>()?)
        .map_err(|error| to_python(&error))?;
    let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

fn schema(fields: Vec<FieldTuple>) -> PyResult<Schema> {
    let field = |(name, kind): FieldTuple| {
        let data_type = match kind.as_str() {
            // with 64-bit offsets, so that no amount of text overflows them
            "text" => DataType::LargeUtf8,
            "integer" => DataType::Int64,
            "real" => DataType::Float64,
            "boolean" => DataType::Boolean,
            other => return Err(PyValueError::new_err(format!("{other:?} is no kind of column"))),
        };
        Ok(Field::new(name, data_type, true))
    };
    Ok(Schema::new(fields.into_iter().map(field).collect::<PyResult<Vec<_>>>()?))
}

fn array(data_type: &DataType, values: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    Ok(match data_type {
        DataType::Int64 => Arc::new(collected::<i64, Int64Array>(values)?),
        DataType::Float64 => Arc::new(collected::<f64, Float64Array>(values)?),
        DataType::Boolean => Arc::new(collected::<bool, BooleanArray>(values)?),
        _ => Arc::new(collected::<PyBackedStr, LargeStringArray>(values)?),
    })
}

fn collected<'py, T, A>(values: &Bound<'py, PyAny>) -> PyResult<A>
where
    T: FromPyObjectOwned<'py>,
    A: FromIterator<Option<T>>,
{
    values.try_iter()?.map(|value| value?.extract::<Option<T>>().map_err(Into::into)).collect()
}

fn to_python(error: &ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
