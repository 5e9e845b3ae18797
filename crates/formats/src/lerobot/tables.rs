//! Tables as Parquet files, written.

use std::{fs::File, io::Write, path::Path, sync::Arc};

use neuraxis_episode::EpisodeError;
use parquet::{
    basic::{ConvertedType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, FloatType, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
    schema::types::{Type, TypePtr},
};

/// Values of a column, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cells {
    Ints(Vec<i64>),
    Float(Vec<f32>),
    Texts(Vec<String>),
    /// A vector in each row.
    Vectors(Vec<Vec<f32>>),
    /// A list of texts in each row.
    Lists(Vec<Vec<String>>),
    /// A picture's bytes in each row, beside the path of a file that there is none of.
    Pictures(Vec<Vec<u8>>),
}

/// A file that rows are added to, some at a time.
pub(super) struct TableWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl TableWriter<File> {
    /// Creates a file; `columns` are examples of what each column holds.
    pub(super) fn create(
        path: &Path,
        columns: &[(String, Cells)],
        notes: &[(&str, String)],
    ) -> Result<Self, EpisodeError> {
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(EpisodeError::io(path, "create"))?;
        let file = File::create(path).map_err(EpisodeError::io(path, "create"))?;
        Self::new(file, columns, notes).map_err(|e| EpisodeError::format(path, e))
    }
}

impl<W: Write + Send> TableWriter<W> {
    pub(super) fn new(out: W, columns: &[(String, Cells)], notes: &[(&str, String)]) -> Result<Self, ParquetError> {
        let fields = columns.iter().map(|(name, cells)| field(name, cells)).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
        let notes = notes.iter().map(|(key, text)| KeyValue::new(key.to_string(), text.clone())).collect();
        let properties = WriterProperties::builder()
            // Pictures are packed already, and nothing else is large.
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_key_value_metadata(Some(notes))
            .build();
        Ok(Self { writer: SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))? })
    }

    /// Adds rows; all columns have as many.
    pub(super) fn add(&mut self, columns: &[(String, Cells)]) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        // Every column but a picture's is one leaf; a picture's are its bytes, then its path.
        for (_, cells) in columns {
            let mut column = group.next_column()?.ok_or_else(too_many)?;
            match cells {
                Cells::Ints(values) => {
                    column.typed::<Int64Type>().write_batch(values, Some(&vec![1; values.len()]), None)?;
                }
                Cells::Float(values) => {
                    column.typed::<FloatType>().write_batch(values, Some(&vec![1; values.len()]), None)?;
                }
                Cells::Texts(texts) => {
                    let values: Vec<ByteArray> = texts.iter().map(|text| text.as_str().into()).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&vec![1; values.len()]), None)?;
                }
                Cells::Vectors(rows) => {
                    let values: Vec<f32> = rows.concat();
                    let (definition, repetition) = levels(rows.iter().map(Vec::len));
                    column.typed::<FloatType>().write_batch(&values, Some(&definition), Some(&repetition))?;
                }
                Cells::Lists(rows) => {
                    let values: Vec<ByteArray> = rows.iter().flatten().map(|text| text.as_str().into()).collect();
                    let (definition, repetition) = levels(rows.iter().map(Vec::len));
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&definition), Some(&repetition))?;
                }
                Cells::Pictures(pictures) => {
                    let values: Vec<ByteArray> = pictures.iter().map(|bytes| bytes.clone().into()).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&vec![2; values.len()]), None)?;
                    column.close()?;
                    column = group.next_column()?.ok_or_else(too_many)?;
                    column.typed::<ByteArrayType>().write_batch(&[], Some(&vec![1; pictures.len()]), None)?;
                }
            }
            column.close()?;
        }
        group.close().map(drop)
    }

    /// Writes the file's end.
    pub(super) fn finish(self) -> Result<(), ParquetError> {
        self.writer.close().map(drop)
    }
}

fn too_many() -> ParquetError {
    ParquetError::General("more columns than the table has".into())
}

/// Definition and repetition of lists with so many values each.
fn levels(lens: impl Iterator<Item = usize>) -> (Vec<i16>, Vec<i16>) {
    let (mut definition, mut repetition) = (Vec::new(), Vec::new());
    for len in lens {
        // A list without values is there, at level 1.
        definition.extend(std::iter::repeat_n(if len == 0 { 1 } else { 3 }, len.max(1)));
        repetition.extend((0..len.max(1)).map(|i| i16::from(i > 0)));
    }
    (definition, repetition)
}

fn leaf(name: &str, physical: Physical, converted: ConvertedType) -> Result<TypePtr, ParquetError> {
    let leaf = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    leaf.with_converted_type(converted).build().map(Arc::new)
}

fn field(name: &str, cells: &Cells) -> Result<TypePtr, ParquetError> {
    let list = |physical, converted| {
        let element = leaf("element", physical, converted)?;
        let repeated = Type::group_type_builder("list")
            .with_repetition(Repetition::REPEATED)
            .with_fields(vec![element])
            .build()?;
        let list = Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
        list.with_converted_type(ConvertedType::LIST).with_fields(vec![Arc::new(repeated)]).build().map(Arc::new)
    };
    match cells {
        Cells::Ints(_) => leaf(name, Physical::INT64, ConvertedType::NONE),
        Cells::Float(_) => leaf(name, Physical::FLOAT, ConvertedType::NONE),
        Cells::Texts(_) => leaf(name, Physical::BYTE_ARRAY, ConvertedType::UTF8),
        Cells::Vectors(_) => list(Physical::FLOAT, ConvertedType::NONE),
        Cells::Lists(_) => list(Physical::BYTE_ARRAY, ConvertedType::UTF8),
        Cells::Pictures(_) => {
            let parts = vec![
                leaf("bytes", Physical::BYTE_ARRAY, ConvertedType::NONE)?,
                leaf("path", Physical::BYTE_ARRAY, ConvertedType::UTF8)?,
            ];
            let picture = Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
            picture.with_fields(parts).build().map(Arc::new)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet::Table;

    #[test]
    fn our_reader_finds_what_the_public_crate_wrote() {
        let columns: Vec<(String, Cells)> = [
            ("n", Cells::Ints(vec![1, -2, 3])),
            ("f", Cells::Float(vec![0.5, 1.5, -2.5])),
            ("t", Cells::Texts(vec!["a".into(), "".into(), "grün".into()])),
            ("v.w", Cells::Vectors(vec![vec![1.0, 2.0], vec![], vec![3.0]])),
            ("l", Cells::Lists(vec![vec!["x".into()], vec!["y".into(), "z".into()], vec![]])),
            ("p", Cells::Pictures(vec![vec![1, 2, 3], vec![], vec![9]])),
        ]
        .map(|(name, cells)| (name.to_string(), cells))
        .to_vec();
        let mut bytes = Vec::new();
        let mut writer = TableWriter::new(&mut bytes, &columns, &[("who", "we".into())]).unwrap();
        // Two groups of the same rows.
        writer.add(&columns).unwrap();
        writer.add(&columns).unwrap();
        writer.finish().unwrap();
        let table = Table::parse(&bytes).unwrap();
        assert_eq!((table.rows(), table.note("who")), (6, Some("we")));
        let read = |name: &str| table.read(table.leaf(name).unwrap_or(name), 1..5).unwrap();
        assert_eq!((0..4).map(|i| read("n").int(i).unwrap()).collect::<Vec<_>>(), [-2, 3, 1, -2]);
        assert_eq!((0..4).flat_map(|i| read("f").floats(i).unwrap()).collect::<Vec<_>>(), [1.5, -2.5, 0.5, 1.5]);
        assert_eq!(read("t").texts(1).unwrap(), ["grün"]);
        assert_eq!(
            (0..4).map(|i| read("v.w").floats(i).unwrap()).collect::<Vec<_>>(),
            [vec![], vec![3.0], vec![1.0, 2.0], vec![]]
        );
        assert_eq!((read("l").texts(0).unwrap(), read("l").texts(1).unwrap().len()), (vec!["y", "z"], 0));
        let pictures: Vec<Vec<u8>> =
            table.each("p.bytes", 0..6).unwrap().map(|row| row.unwrap().bytes(0).unwrap().to_vec()).collect();
        assert_eq!(pictures[..3], [vec![1, 2, 3], vec![], vec![9]]);
        assert_eq!(pictures.len(), 6);
        assert!(table.read("n", 3..7).is_err() && table.read("none", 0..1).is_err());
    }
}
